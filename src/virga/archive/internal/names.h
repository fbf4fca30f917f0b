#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "virga/archive/zip.h"
#include "virga/base/problems.h"

namespace virga::archive::internal {

// For messages: the name in quotes, without bytes that would disturb a terminal or a log, cut after 80 bytes.
std::string quoted(std::string_view name);

// "entry 'NAME': WHAT".
std::unexpected<Error> refuse(const Problem& problem, std::string_view name, std::string_view what);

// What can be said of one name by itself. Without a '/' at the end.
Result<> check_name(std::string_view name, const Limits& limits);

// What can be said of one symlink by itself. ".." may stand only at the beginning, and no more often than the link is
// deep: then, as no entry lies below a symlink, following any chain of links stays inside the tree.
Result<> check_target(std::string_view name, std::string_view target);

// What can be said of the names together: none twice, none below a file or a symlink, none that differ in case only.
Result<> check_tree(const std::vector<Entry>& entries);

}  // namespace virga::archive::internal
