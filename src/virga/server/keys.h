#pragma once

#include <string>

#include "virga/base/result.h"

namespace virga::server {

struct RootKey {
  std::string id;
  std::string secret;
  std::string file;  // where it is kept; "" if it was given
};

// The key in DATA/root-key.json, made at random when there is none (mode 0600). Blocks.
Result<RootKey> load_or_make_root_key(const std::string& data_directory);

}  // namespace virga::server
