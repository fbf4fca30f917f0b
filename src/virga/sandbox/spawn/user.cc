#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "virga/os/errno.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {
namespace {

// Lowers both limits; what is already lower stays.
bool limit(__rlimit_resource resource, std::uint64_t value) {
  rlimit current{};
  if (::getrlimit(resource, &current) != 0) return false;
  rlimit wanted{std::min<rlim_t>(value, current.rlim_max), std::min<rlim_t>(value, current.rlim_max)};
  return ::setrlimit(resource, &wanted) == 0;
}

bool lower(pid_t pid, __rlimit_resource resource, std::uint64_t value) {
  rlimit current{};
  if (::prlimit(pid, resource, nullptr, &current) != 0) return false;
  rlimit wanted{std::min<rlim_t>(value, current.rlim_max), std::min<rlim_t>(value, current.rlim_max)};
  return ::prlimit(pid, resource, &wanted, nullptr) == 0;
}

// Counts what a process may write to, reserved or not: runtimes reserve more than they use, hence the factor.
std::uint64_t data_limit(const Limits& limits) {
  return 2 * limits.memory_bytes + (256ull << 20);
}

// With cgroups the group counts processes, and this is a second fence; without, it is the only one.
std::uint64_t process_limit(const Limits& limits, bool has_cgroups) {
  return has_cgroups ? 2ull * limits.processes : limits.processes;
}

}  // namespace

const char* set_process_limits(const Spec& spec, bool has_cgroups) {
  const Limits& limits = spec.limits;
  // A job with an output folder writes a host disk, where the size of /tmp means nothing. A stem's limits come with its
  // task, and a limit can only be lowered.
  constexpr std::uint64_t kLargestOutputFile = 4ull << 30;
  bool is_stem = spec.stage == Stage::Stem;
  std::uint64_t file_size = is_stem                         ? RLIM_INFINITY
                            : spec.output_directory.empty() ? limits.tmp_bytes
                                                            : kLargestOutputFile;
  // Too small for any core file, and the value at which the kernel does not start the program in core_pattern either.
  constexpr std::uint64_t kNoCore = 1;
  bool done = limit(RLIMIT_NOFILE, limits.open_files) && limit(RLIMIT_CORE, kNoCore) &&
              limit(RLIMIT_MEMLOCK, 64 << 10) && limit(RLIMIT_MSGQUEUE, 0) && limit(RLIMIT_NICE, 0) &&
              limit(RLIMIT_RTPRIO, 0) && limit(RLIMIT_SIGPENDING, 256) && limit(RLIMIT_FSIZE, file_size) &&
              (spec.stage == Stage::Template || limit(RLIMIT_NPROC, process_limit(limits, has_cgroups)));
  if (!has_cgroups && !is_stem) done = done && limit(RLIMIT_DATA, data_limit(limits));
  return done ? nullptr : "setrlimit";
}

Result<> lower_process_limits(pid_t pid, const Limits& limits, bool has_cgroups) {
  bool done =
      lower(pid, RLIMIT_FSIZE, limits.tmp_bytes) && lower(pid, RLIMIT_NPROC, process_limit(limits, has_cgroups)) &&
      lower(pid, RLIMIT_NOFILE, limits.open_files) && (has_cgroups || lower(pid, RLIMIT_DATA, data_limit(limits)));
  if (!done) return os::fail_errno("prlimit");
  return {};
}

Result<> lower_fork_limits(pid_t pid, const Limits& limits) {
  if (!lower(pid, RLIMIT_FSIZE, limits.tmp_bytes) || !lower(pid, RLIMIT_NOFILE, limits.open_files)) {
    return os::fail_errno("prlimit");
  }
  return {};
}

const char* empty_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return "drop a bounding capability";
  }
  return nullptr;
}

namespace {

// Locked, and no capability beyond these (bits of the low half).
const char* keep_only(std::uint32_t capabilities) {
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) return "lock securebits";
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct kept[2] = {{capabilities, capabilities, capabilities}, {}};
  if (::syscall(SYS_capset, &header, kept) != 0) return "drop capabilities";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
  return nullptr;
}

}  // namespace

const char* drop_privileges() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return "clear ambient capabilities";
  return keep_only(0);
}

const char* make_chroot_inheritable() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return "read capabilities";
  sets[0].inheritable |= 1u << CAP_SYS_CHROOT;
  if (::syscall(SYS_capset, &header, sets) != 0) return "make a capability inheritable";
  return nullptr;
}

const char* keep_only_chroot() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return "clear ambient capabilities";
  // What is ambient outlives exec, although no other process can gain it.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0) != 0) return "raise a capability";
  return keep_only(1u << CAP_SYS_CHROOT);
}

}  // namespace virga::sandbox::spawn
