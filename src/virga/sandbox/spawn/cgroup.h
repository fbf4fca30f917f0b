#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox::spawn {

// What the control groups of one sandbox counted.
struct CgroupUsage {
  std::uint64_t memory_bytes = 0;
  std::uint64_t peak_memory_bytes = 0;
  std::chrono::microseconds cpu_time{};
  std::uint32_t processes = 0;
  std::uint32_t oom_kills = 0;
};

// The control groups of one sandbox. Made without limits; the sandbox's first process joins, and limits come when the
// sandbox gets its task.
class Cgroup {
 public:
  virtual ~Cgroup() = default;
  // v2: the folder for CLONE_INTO_CGROUP; -1: the child joins by itself through join_files().
  virtual int clone_target() const = 0;
  // v1: a process of one thread that writes "0" to each of these is in. The kernel judges by who opened them, not by
  // who writes.
  virtual std::span<const os::Descriptor> join_files() const = 0;
  virtual Result<> set_limits(const Limits& limits) = 0;
  // Hardly any CPU time where others want it; until set_limits(). For what is prepared ahead.
  virtual void set_background() = 0;
  // Out of memory ends one process, not all of them; after set_limits().
  virtual void spare_others() = 0;
  virtual Result<> set_cpus(double cpus) = 0;  // 0: no quota
  virtual Result<> freeze() = 0;
  virtual Result<> thaw() = 0;
  virtual void kill() = 0;  // as far as the kind can; the pid namespace does the rest
  // Of a group whose processes are not a pid namespace of their own (a fork's): ends them all, one round of it. True:
  // there are none left.
  virtual bool end_members() = 0;
  // The same for a fork, of both kinds, and after set_limits().
  virtual Result<std::vector<os::Descriptor>> open_joins() const = 0;
  virtual bool has(pid_t pid) const = 0;
  virtual CgroupUsage usage() const = 0;
  virtual bool remove() = 0;  // false: the kernel still holds it, try again soon
};

// Where the groups of all sandboxes of this daemon live.
class Cgroups {
 public:
  virtual ~Cgroups() = default;
  virtual Result<std::unique_ptr<Cgroup>> create(std::string_view name) = 0;
  virtual void remove() = 0;  // the emptied parent folders, at the end

  // The kind this machine has: v2 with its controllers, else v1. Ends and removes what an earlier daemon with this
  // state folder left. NotFound: no usable kind; the message says what is missing.
  static Result<std::unique_ptr<Cgroups>> open(std::string_view state_directory);
};

Result<std::unique_ptr<Cgroups>> open_cgroups_v1(std::string_view mountinfo, std::string_view own,
                                                 std::string_view name);
Result<std::unique_ptr<Cgroups>> open_cgroups_v2(std::string_view mountinfo, std::string_view own,
                                                 std::string_view name);

// One group of v2 by its path; GroupsV2 is its only user but for tests, which need no controllers for what they try.
Result<std::unique_ptr<Cgroup>> create_group_v2(const std::string& path);

// What a sandbox costs beyond its program: init, page tables, sockets.
inline constexpr std::uint64_t kMemoryOverhead = 8u << 20;
inline constexpr std::uint64_t kCpuPeriodMicroseconds = 20000;

// Small helpers on the files of a group's folder.
Result<> write_control(int directory, const char* file, std::string_view value);
std::string read_control(int directory, const char* file);  // "" if it cannot be read
std::vector<pid_t> members_of(int directory);
// Ends every process in the groups below PARENT/NAME and removes the folders; waits for at most a second.
Result<> remove_leftovers(const std::string& directory);

}  // namespace virga::sandbox::spawn
