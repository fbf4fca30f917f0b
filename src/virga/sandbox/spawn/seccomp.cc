#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "virga/sandbox/internal/seccomp_filter.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {

Filters make_seccomp_filters() {
  auto build = [](std::span<const char* const> more) {
    return build_seccomp_filter(
        [](std::string_view name) { return ::seccomp_syscall_resolve_name(std::string(name).c_str()); }, more);
  };
  // A fork enters the rules that the helper made for it; it can make none.
  constexpr const char* kOfTemplate[] = {"landlock_restrict_self"};
  constexpr const char* kOfDoor[] = {"chroot"};
  return {build({}), build(kOfTemplate), build(kOfDoor)};
}

const char* install_seccomp(std::span<const sock_filter> filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  // SECCOMP_FILTER_FLAG_SPEC_ALLOW is not set: on kernels where it matters, speculation stays mitigated.
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return "seccomp";
  return nullptr;
}

}  // namespace virga::sandbox::spawn
