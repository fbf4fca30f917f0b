#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace virga::sandbox {

// The number of a system call on this machine's architecture; negative: it has none of this name.
using SyscallNumber = std::function<int(std::string_view name)>;

// System calls allowed without conditions. Whoever adds one names a runtime that needs it.
std::span<const char* const> allowed_syscalls();

// The filter program for everything that runs in a sandbox, as the kernel wants it (seccomp(2),
// SECCOMP_SET_MODE_FILTER):
//   another architecture's call, x32 included: the process is killed;
//   a call newer than this list: ENOSYS, so that libraries fall back;
//   a call on the list: allowed; some depend on their arguments;
//   any other: EPERM.
// `more`: calls allowed beyond the list.
std::vector<sock_filter> build_seccomp_filter(const SyscallNumber& number_of, std::span<const char* const> more = {});

}  // namespace virga::sandbox
