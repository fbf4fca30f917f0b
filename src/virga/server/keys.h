#pragma once

#include <string>

#include "virga/base/result.h"
#include "virga/base/secret.h"

namespace virga::server {

struct RootKey {
  std::string id;
  std::string secret;
  std::string file;  // where it is kept; "" if it was given
};

// The key in DATA/root-key.json, made at random when there is none (mode 0600). Blocks.
Result<RootKey> load_or_make_root_key(const std::string& data_directory);

// The 32 bytes in DATA/store-key that the records are encrypted with, made at random when there is no such file (mode
// 0600). Blocks.
Result<Secret> load_or_make_store_key(const std::string& data_directory);

}  // namespace virga::server
