#pragma once

#include <memory>
#include <string>

#include "virga/base/result.h"
#include "virga/store/store.h"

namespace virga::server {

// The records of a data folder, sealed with its own key. Blocks; errors are those of open_rocksdb and of the key.
Result<std::unique_ptr<store::Store>> open_store(const std::string& data_directory);

}  // namespace virga::server
