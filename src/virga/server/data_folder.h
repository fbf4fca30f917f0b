#pragma once

#include <string>

#include "virga/base/result.h"

namespace virga::server {

// Makes the folder, with mode 0700, if it is not there, and sees that this process may write it and no other virga
// uses it. Asked before the sandbox helper is started, which waits for another one of the same folder: a daemon that
// runs is not one that is ending. The store takes the lock for good.
Result<> prepare_data_folder(const std::string& path);

}  // namespace virga::server
