#pragma once

#include <string>

#include "virga/base/result.h"

namespace virga::server {

// The folder with the runtimes: `given`, or what is found from where the program lies: PREFIX/share/virga/runtimes of
// an installation, or the runtimes/ of the source tree it was built in.
Result<std::string> find_runtimes(const std::string& given);

}  // namespace virga::server
