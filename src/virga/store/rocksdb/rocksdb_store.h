#pragma once

#include <memory>
#include <string>

#include "virga/base/result.h"
#include "virga/store/store.h"

namespace virga::store {

// Opens, or makes, the store in DATA_FOLDER/store, and holds the folder's DataLock until it is destroyed. Blocks.
// Conflict: another process has the folder. DataLoss: files in it are damaged or missing. Both messages are one line
// with the folder and what to do.
Result<std::unique_ptr<Store>> open_rocksdb(const std::string& data_folder);

}  // namespace virga::store
