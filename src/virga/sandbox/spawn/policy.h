#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spec.h"

namespace virga::sandbox::spawn {

// The last steps before a program runs. They are called between vfork and exec, so they allocate nothing and report a
// failure as the name of the step (nullptr: done; errno tells why).

// user.cc: limits of one process (setrlimit).
const char* set_process_limits(const Spec& spec, bool has_cgroups);
// user.cc: the same limits for a stem that gets its task, set from outside. `pid` is as the helper sees it.
Result<> lower_process_limits(pid_t pid, const Limits& limits, bool has_cgroups);
// user.cc: those of a fork. The number of processes is left to its group: the kernel counts them for each user, and all
// forks of a template are one.
Result<> lower_fork_limits(pid_t pid, const Limits& limits);
// user.cc: no capability can be gained by exec any more.
const char* empty_bounding_set();
// user.cc: no capability in the other sets, locked securebits, no_new_privs.
const char* drop_privileges();
// user.cc: what keep_only_chroot() needs, before empty_bounding_set(); drop_privileges() undoes it.
const char* make_chroot_inheritable();
// user.cc: the same as drop_privileges() but for one capability, which outlives exec: that to change the root. For the
// first process of a template.
const char* keep_only_chroot();

// seccomp.cc: the filters, built once.
struct Filters {
  std::vector<sock_filter> everybody;
  std::vector<sock_filter> of_template;  // and its forks
  std::vector<sock_filter> of_door;      // the first process of a template
};
Filters make_seccomp_filters();
const char* install_seccomp(std::span<const sock_filter> filter);

// landlock.cc: the second layer below the mounts. `abi` 0: the kernel has none.
int landlock_abi();
// A rule set for a sandbox's root, made by the sandbox's first process after all is mounted.
Result<os::Descriptor> make_landlock_rules(int abi, const Spec& spec);
const char* enforce_landlock(const os::Descriptor& rules);
// The rule set for a fork whose root is this tree; made by the helper.
Result<os::Descriptor> make_fork_rules(int abi, Network network, const os::Descriptor& tree);

}  // namespace virga::sandbox::spawn
