#include "virga/base/error.h"

namespace virga {

std::string_view name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "invalid argument";
    case ErrorCode::Unauthenticated:
      return "unauthenticated";
    case ErrorCode::PermissionDenied:
      return "permission denied";
    case ErrorCode::NotFound:
      return "not found";
    case ErrorCode::AlreadyExists:
      return "already exists";
    case ErrorCode::Conflict:
      return "conflict";
    case ErrorCode::PreconditionFailed:
      return "precondition failed";
    case ErrorCode::TooLarge:
      return "too large";
    case ErrorCode::ResourceExhausted:
      return "resource exhausted";
    case ErrorCode::DeadlineExceeded:
      return "deadline exceeded";
    case ErrorCode::Cancelled:
      return "cancelled";
    case ErrorCode::Unavailable:
      return "unavailable";
    case ErrorCode::Unimplemented:
      return "unimplemented";
    case ErrorCode::DataLoss:
      return "data loss";
    case ErrorCode::Internal:
      return "internal";
  }
  return "internal";
}

Error Error::with_context(std::string_view context) const {
  std::string text(context);
  text += ": ";
  text += message_;
  return Error(code_, std::move(text));
}

}  // namespace virga
