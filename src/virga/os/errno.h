#pragma once

#include <string_view>

#include "virga/base/result.h"

namespace virga::os {

// The failure of a system call: "OPERATION SUBJECT: No such file or directory". Reads `errno` unless given a number.
Error errno_error(std::string_view operation, std::string_view subject = {});
Error errno_error(int number, std::string_view operation, std::string_view subject);

inline std::unexpected<Error> fail_errno(std::string_view operation, std::string_view subject = {}) {
  return std::unexpected<Error>(errno_error(operation, subject));
}

}  // namespace virga::os
