#include "virga/cli/exit_code.h"

namespace virga::cli {

ExitCode exit_code(const Error& error) {
  switch (error.code()) {
    case ErrorCode::InvalidArgument:
      return ExitCode::Usage;
    case ErrorCode::Unavailable:
    case ErrorCode::DeadlineExceeded:
      return ExitCode::Unreachable;
    default:
      return ExitCode::Failed;
  }
}

}  // namespace virga::cli
