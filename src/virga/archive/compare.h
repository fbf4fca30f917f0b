#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "virga/archive/limits.h"
#include "virga/base/result.h"

namespace virga::archive {

// Whether a tree holds what an archive was unpacked to: every file with its size, checksum and executable bit, every
// folder and symlink. Answers the name of the first entry that is otherwise; nullopt: all are as they should be. What
// else lies in the tree does not count. Reads all of it; any thread. Errors are those of inspect().
Result<std::optional<std::string>> find_difference(std::string_view zip, const std::string& directory,
                                                   const Limits& limits = {});

}  // namespace virga::archive
