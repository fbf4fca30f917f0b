#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "virga/archive/limits.h"
#include "virga/base/result.h"

namespace virga::archive {

// The zip of a folder: sorted names, fixed times, exec bits and the symlinks that stay inside, so that the same tree
// gives the same bytes on any machine. `skip` is asked for each path ("node_modules/x", no '/' at the end); a skipped
// folder is not entered. Refuses symlinks that lead outside, devices, pipes and sockets, by name. Blocks.
Result<std::string> pack_directory(const std::string& path, const std::function<bool(std::string_view)>& skip = {},
                                   const Limits& limits = {});

}  // namespace virga::archive
