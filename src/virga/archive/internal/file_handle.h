#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "virga/base/result.h"

namespace virga::archive::internal {

// Closes a descriptor. `os::Descriptor` lies on this module's own floor.
class FileHandle {
 public:
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileHandle() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// "OPERATION 'SUBJECT': REASON" from errno.
inline std::unexpected<Error> fail_call(std::string_view operation, std::string_view subject) {
  int number = errno;
  ErrorCode code = number == ENOSPC || number == EDQUOT ? ErrorCode::ResourceExhausted : ErrorCode::Internal;
  return fail(code, fmt::format("{} '{}': {}", operation, subject, ::strerrordesc_np(number)));
}

}  // namespace virga::archive::internal
