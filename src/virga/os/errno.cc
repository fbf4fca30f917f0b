#include "virga/os/errno.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace virga::os {
namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT:
    case ESRCH:
      return ErrorCode::NotFound;
    case EEXIST:
      return ErrorCode::AlreadyExists;
    case EACCES:
    case EPERM:
      return ErrorCode::PermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::ResourceExhausted;
    case ETIMEDOUT:
      return ErrorCode::DeadlineExceeded;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EADDRINUSE:
      return ErrorCode::Unavailable;
    case EINVAL:
      return ErrorCode::InvalidArgument;
    default:
      return ErrorCode::Internal;
  }
}

}  // namespace

Error errno_error(int number, std::string_view operation, std::string_view subject) {
  std::string message(operation);
  if (!subject.empty()) {
    message += ' ';
    message += subject;
  }
  message += ": ";
  char buffer[128];
  message += strerror_r(number, buffer, sizeof(buffer));
  return Error(code_of(number), std::move(message));
}

Error errno_error(std::string_view operation, std::string_view subject) {
  return errno_error(errno, operation, subject);
}

}  // namespace virga::os
