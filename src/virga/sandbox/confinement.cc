#include "virga/sandbox/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "virga/os/errno.h"
#include "virga/sandbox/internal/daemon_filter.h"
#include "virga/sandbox/internal/landlock.h"

namespace virga::sandbox {
namespace {

// Read by the C library and by the daemon itself while it serves. /etc as a whole would hold root's secrets.
constexpr const char* kReadable[] = {"/usr/lib",
                                     "/usr/lib64",
                                     "/lib",
                                     "/lib64",
                                     "/usr/share/zoneinfo",
                                     "/etc/localtime",
                                     "/etc/resolv.conf",
                                     "/etc/ld.so.cache",
                                     "/proc",
                                     "/sys/devices/system/cpu",
                                     "/dev/urandom"};

// Every mount becomes read-only but the folder's, for this process alone; the host sees none of it, and what it mounts
// later still arrives here.
Result<> seal_mounts(const std::string& folder) {
  if (::unshare(CLONE_NEWNS) != 0) return os::fail_errno("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return os::fail_errno("mount / as slave");
  os::Descriptor tree(
      ::open_tree(AT_FDCWD, folder.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW));
  if (!tree.valid()) return os::fail_errno("open_tree", folder);
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &wanted, sizeof(wanted)) != 0) {
    return os::fail_errno("mount / read-only");
  }
  if (::move_mount(tree.get(), "", AT_FDCWD, folder.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return os::fail_errno("move_mount", folder);
  }
  return {};
}

Result<> empty_bounding_set() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return os::fail_errno("drop a bounding capability");
  }
  return {};
}

// In this order: each step needs what a later one takes.
Result<> become(const Confinement::Identity& identity) {
  VIRGA_TRY(empty_bounding_set());
  if (::setgroups(0, nullptr) != 0) return os::fail_errno("setgroups");
  if (::setresgid(identity.group, identity.group, identity.group) != 0) return os::fail_errno("setresgid");
  // No capability comes back by user 0, neither by a change of ids nor by exec.
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) return os::fail_errno("lock securebits");
  if (::setresuid(identity.user, identity.user, identity.user) != 0) return os::fail_errno("setresuid");
  return {};
}

Result<> drop_capabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return os::fail_errno("clear ambient capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return os::fail_errno("drop capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os::fail_errno("no_new_privs");
  return {};
}

Result<> limit_paths(const Confinement& confinement, Gaps& gaps) {
  using namespace landlock;
  int version = abi();
  if (version < kMovesFiles) {
    gaps.push_back("reading files that this user may read (Landlock ABI " + std::to_string(version) + "; needs 2)");
    return {};
  }
  Handled handled = handled_by(version);
  VIRGA_TRY_ASSIGN(auto rules, make_rules(version, handled));
  const std::uint64_t read = kReadFile | kReadDirectory;
  const std::uint64_t write = handled.fs & ~(kExecute | kMakeCharacterDevice | kMakeBlockDevice | kIoctlDevice);
  for (const char* path : kReadable) VIRGA_TRY(allow(rules, handled, path, read));
  for (const auto& path : confinement.readable_folders) VIRGA_TRY(allow(rules, handled, path.c_str(), read));
  VIRGA_TRY(allow(rules, handled, "/dev/null", kReadFile | kWriteFile | kTruncate));
  VIRGA_TRY(allow(rules, handled, confinement.writable_folder.c_str(), write));
  if (!enforce(rules)) return os::fail_errno("landlock_restrict_self");
  if (version < kScopesSignals) {
    gaps.push_back("signals to other processes of this user (Landlock ABI " + std::to_string(version) + "; needs 6)");
  }
  return {};
}

Result<> limit_calls() {
  auto filter = make_daemon_filter();
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  // Without the flag older kernels slow the whole process down for a hazard of programs that run foreign code.
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) != 0) {
    return os::fail_errno("install a system call filter");
  }
  return {};
}

}  // namespace

Result<Gaps> confine(const Confinement& confinement) {
  Gaps gaps;
  if (::geteuid() == 0) {
    if (auto sealed = seal_mounts(confinement.writable_folder); !sealed) {
      gaps.push_back("writing files that this user may write (" + sealed.error().message() + ")");
    }
    VIRGA_TRY(become(confinement.identity.value_or(Confinement::Identity{::getuid(), ::getgid()})));
  }
  VIRGA_TRY(drop_capabilities());
  // Secrets are in the memory of this process. After the change of ids, which sets it anew.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os::fail_errno("prctl dumpable");
  VIRGA_TRY(limit_paths(confinement, gaps));
  VIRGA_TRY(limit_calls());
  return gaps;
}

}  // namespace virga::sandbox
