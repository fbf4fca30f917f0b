#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace virga::sandbox {

// Pure readers of the kernel's text files about control groups (cgroups(7), Documentation/admin-guide/cgroup-v1 and
// cgroup-v2.rst).

struct CgroupMount {
  std::string path;                      // where it is mounted
  bool v2 = false;                       // the unified hierarchy
  std::vector<std::string> controllers;  // v1: mount options, controllers among them
};
// Out of /proc/self/mountinfo. Octal escapes (\040) in paths are undone.
std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo);

// The caller's own group in one hierarchy, out of /proc/self/cgroup. `controller` "": the v2 hierarchy.
std::optional<std::string> parse_own_cgroup(std::string_view cgroup_file, std::string_view controller);

// The number beside NAME in lines of the form "NAME NUMBER" (memory.events, memory.oom_control, cpu.stat).
std::optional<std::uint64_t> parse_field(std::string_view text, std::string_view name);

// A file that holds one number.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Whether a list of words ("cpu io memory pids") has this one.
bool has_word(std::string_view text, std::string_view word);

// The name of the group that holds all sandboxes of the daemon with this state folder: stable, and safe in a path.
std::string cgroup_name_for(std::string_view state_directory);

}  // namespace virga::sandbox
