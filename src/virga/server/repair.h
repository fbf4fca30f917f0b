#pragma once

#include <string>
#include <vector>

#include "virga/base/result.h"

namespace virga::server {

// Sets the damaged records of a data folder aside, so that the daemon starts without them, and answers their names.
// Blocks. As root it becomes the folder's owner for good, so that the daemon can read what is written. Conflict while a
// daemon uses the folder.
Result<std::vector<std::string>> repair(const std::string& data_directory);

}  // namespace virga::server
