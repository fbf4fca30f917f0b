#pragma once

#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::cli {

struct Detected {
  std::string runtime;
  std::string handler;
};

// How the code at PATH (a folder or a .zip file) is run, from its files (the table in docs/deploying.md). With RUNTIME,
// only what that runtime could run is looked for. InvalidArgument when nothing is found. Blocks.
Result<Detected> detect(const std::string& path, std::string_view runtime = {});

}  // namespace virga::cli
