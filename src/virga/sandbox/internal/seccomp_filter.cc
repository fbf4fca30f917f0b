#include "virga/sandbox/internal/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>

namespace virga::sandbox {
namespace {

// Docker's default list (moby profiles/seccomp/default.json) without what no function needs and what past escapes used.
// clang-format off
constexpr const char* kAllowed[] = {
    "accept", "accept4", "access", "alarm", "arch_prctl", "bind", "brk", "capget", "chdir", "chmod", "clock_getres",
    "clock_gettime", "clock_nanosleep", "close", "close_range", "connect", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64",
    "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fork", "fstat", "fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "futimesat", "get_robust_list",
    "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
    "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "kill", "lgetxattr", "link", "linkat",
    "listen", "listxattr", "llistxattr", "lseek", "lstat", "madvise", "membarrier", "memfd_create", "mincore",
    "mkdir", "mkdirat", "mlock", "mlock2", "mmap", "mprotect", "mremap", "msync", "munlock", "munmap", "nanosleep",
    "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "pread64", "preadv", "preadv2", "pselect6",
    "pwrite64", "pwritev", "pwritev2", "read", "readlink", "readlinkat", "readv", "recvfrom", "recvmmsg", "recvmsg",
    "rename", "renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
    "sched_rr_get_interval", "sched_setaffinity", "sched_yield", "select", "set_robust_list", "set_tid_address",
    "setitimer", "setpgid", "setpriority", "setsid", "shutdown", "sigaltstack", "signalfd", "signalfd4", "stat",
    "statfs", "statx", "symlink", "symlinkat", "sysinfo", "tgkill", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    "times", "tkill", "truncate", "umask", "uname", "unlink", "unlinkat", "utime", "utimensat", "utimes", "vfork",
    "wait4", "waitid", "write", "writev"};
// clang-format on

// The first number this list knows nothing about (set_mempolicy_home_node, Linux 5.17). Newer calls answer ENOSYS as
// they would on the older kernel the list was made for.
constexpr std::uint32_t kFirstUnknown = 450;
constexpr std::uint32_t kX32Bit = 0x40000000;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the sandbox knows x86-64 and arm64"
#endif

constexpr std::uint32_t refusal(int number) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number);
}

// Emits straight-line code. Arguments are compared by their low half: the kernel reads these (int, unsigned int, or
// flags below bit 32) the same way, so nothing hides in the high half.
class Program {
 public:
  void load_number() { load(offsetof(seccomp_data, nr)); }
  void load_architecture() { load(offsetof(seccomp_data, arch)); }
  void load_argument(unsigned index) {
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t)));
  }
  void load_high_half(unsigned index) {
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t) +
                                    sizeof(std::uint32_t)));
  }
  void mask(std::uint32_t bits) { emit(BPF_ALU | BPF_AND | BPF_K, bits); }
  void finish(std::uint32_t action) { emit(BPF_RET | BPF_K, action); }
  void finish_if_equal(std::uint32_t value, std::uint32_t action) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    finish(action);
  }
  void finish_if_not_equal(std::uint32_t value, std::uint32_t action) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    finish(action);
  }
  void finish_if_at_least(std::uint32_t value, std::uint32_t action) {
    emit(BPF_JMP | BPF_JGE | BPF_K, value, 0, 1);
    finish(action);
  }
  void finish_if_any_bit(std::uint32_t bits, std::uint32_t action) {
    emit(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
    finish(action);
  }
  void finish_if_between(std::uint32_t first, std::uint32_t last, std::uint32_t action) {
    emit(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2);
    emit(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0);
    finish(action);
  }
  // Runs `body` only if the loaded value is this one; `body` must finish in every case.
  template <typename Body>
  void when_equal(std::uint32_t value, Body body) {
    std::size_t jump = code_.size();
    emit(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0);
    body();
    code_[jump].jf = static_cast<std::uint8_t>(code_.size() - jump - 1);
  }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void load(std::uint32_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, offset); }
  void emit(unsigned code, std::uint32_t value, std::uint8_t when_true = 0, std::uint8_t when_false = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), when_true, when_false, value});
  }
  std::vector<sock_filter> code_;
};

// AF_UNIX, AF_INET and AF_INET6 with stream and datagram types and the plain protocols; NETLINK_ROUTE, which
// getifaddrs() needs. AF_ALG, AF_VSOCK, AF_PACKET, AF_RXRPC and netfilter's and xfrm's netlink were ways out of other
// sandboxes.
void check_socket(Program& p) {
  p.load_argument(0);
  p.when_equal(16, [&] {  // AF_NETLINK
    p.load_argument(2);
    p.finish_if_equal(0, SECCOMP_RET_ALLOW);
    p.finish(refusal(EAFNOSUPPORT));
  });
  p.when_equal(1, [&] {  // AF_UNIX
    p.load_argument(1);
    p.mask(0xf);
    p.finish_if_between(1, 2, SECCOMP_RET_ALLOW);
    p.finish(refusal(EAFNOSUPPORT));
  });
  auto internet = [&] {
    p.load_argument(1);
    p.mask(0xf);
    p.when_equal(1, [&] {  // SOCK_STREAM
      p.load_argument(2);
      p.finish_if_equal(0, SECCOMP_RET_ALLOW);
      p.finish_if_equal(6, SECCOMP_RET_ALLOW);  // IPPROTO_TCP
      p.finish(refusal(EPROTONOSUPPORT));
    });
    p.when_equal(2, [&] {  // SOCK_DGRAM
      p.load_argument(2);
      p.finish_if_equal(0, SECCOMP_RET_ALLOW);
      p.finish_if_equal(17, SECCOMP_RET_ALLOW);  // IPPROTO_UDP
      p.finish(refusal(EPROTONOSUPPORT));
    });
    p.finish(refusal(EPERM));
  };
  p.when_equal(2, internet);   // AF_INET
  p.when_equal(10, internet);  // AF_INET6
  p.finish(refusal(EAFNOSUPPORT));
}

struct SocketOption {
  std::uint32_t level;
  std::uint32_t name;
};
// TCP_ULP; SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_EBPF, SO_ZEROCOPY; IP_IPSEC_POLICY, IP_XFRM_POLICY; the same for IPv6.
constexpr SocketOption kRefusedOptions[] = {{6, 31}, {1, 50}, {1, 52}, {1, 60}, {0, 16}, {0, 17}, {41, 34}, {41, 35}};

void check_setsockopt(Program& p) {
  p.load_argument(1);
  for (std::uint32_t level : {1u, 6u, 0u, 41u}) {
    p.when_equal(level, [&] {
      p.load_argument(2);
      for (const auto& option : kRefusedOptions) {
        if (option.level == level) p.finish_if_equal(option.name, refusal(EPERM));
      }
      p.finish(SECCOMP_RET_ALLOW);
    });
  }
  p.finish(SECCOMP_RET_ALLOW);
}

// What runtimes ask of prctl(2): names, parent death signal, dumpable, timer slack, subreaper, no_new_privs, THP, VMA
// names, and questions. Not PR_SET_MM, PR_SET_SECCOMP, PR_SET_SECUREBITS, PR_SET_KEEPCAPS, PR_SET_PTRACER.
constexpr std::uint32_t kPrctl[] = {1,         2,  3,  4,  15, 16, 21, 23, 27, 29,
                                    30,        36, 37, 38, 39, 40, 41, 42, 52, 0x53564d41 /* PR_SET_VMA */,
                                    0x41555856 /* PR_GET_AUXV */};

constexpr std::uint32_t kNewNamespaces = 0x7e020000;  // CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
constexpr std::uint32_t kZeroCopyFlags = 0x0c000000;  // MSG_ZEROCOPY, MSG_SPLICE_PAGES

template <typename Body>
void for_call(Program& p, const SyscallNumber& number_of, std::string_view name, Body body) {
  int number = number_of(name);
  if (number >= 0) p.when_equal(static_cast<std::uint32_t>(number), body);
}

void check_arguments(Program& p, const SyscallNumber& number_of) {
  for_call(p, number_of, "clone", [&] {
    p.load_argument(0);
    p.finish_if_any_bit(kNewNamespaces, refusal(EPERM));
    p.finish(SECCOMP_RET_ALLOW);
  });
  for_call(p, number_of, "socket", [&] { check_socket(p); });
  for_call(p, number_of, "socketpair", [&] {
    p.load_argument(0);
    p.finish_if_equal(1, SECCOMP_RET_ALLOW);
    p.finish(refusal(EAFNOSUPPORT));
  });
  for_call(p, number_of, "setsockopt", [&] { check_setsockopt(p); });
  for_call(p, number_of, "ioctl", [&] {
    p.load_argument(1);
    p.finish_if_equal(0x5412, refusal(EPERM));  // TIOCSTI
    p.finish_if_equal(0x541c, refusal(EPERM));  // TIOCLINUX
    p.finish(SECCOMP_RET_ALLOW);
  });
  for_call(p, number_of, "personality", [&] {
    p.load_argument(0);
    p.finish_if_equal(0xffffffff, SECCOMP_RET_ALLOW);
    p.finish(refusal(EPERM));
  });
  for_call(p, number_of, "prctl", [&] {
    p.load_argument(0);
    for (auto option : kPrctl) p.finish_if_equal(option, SECCOMP_RET_ALLOW);
    p.finish(refusal(EINVAL));
  });
  // RLIMIT_CORE stays at 1, which keeps cores from the program in the host's core_pattern; at 0 they would go there
  // (core(5)). Asking is free.
  constexpr std::uint32_t kCore = 4;
  for_call(p, number_of, "prlimit64", [&] {
    p.load_argument(1);
    p.when_equal(kCore, [&] {
      p.load_argument(2);
      p.finish_if_not_equal(0, refusal(EPERM));
      p.load_high_half(2);
      p.finish_if_not_equal(0, refusal(EPERM));
      p.finish(SECCOMP_RET_ALLOW);
    });
    p.finish(SECCOMP_RET_ALLOW);
  });
  for_call(p, number_of, "setrlimit", [&] {
    p.load_argument(0);
    p.finish_if_equal(kCore, refusal(EPERM));
    p.finish(SECCOMP_RET_ALLOW);
  });
  struct Send {
    const char* name;
    unsigned flags;  // index of the flags argument
  };
  for (auto [name, flags] : {Send{"sendto", 3}, Send{"sendmsg", 2}, Send{"sendmmsg", 3}}) {
    for_call(p, number_of, name, [&, index = flags] {
      p.load_argument(index);
      p.finish_if_any_bit(kZeroCopyFlags, refusal(EPERM));
      p.finish(SECCOMP_RET_ALLOW);
    });
  }
}

}  // namespace

std::span<const char* const> allowed_syscalls() {
  return kAllowed;
}

std::vector<sock_filter> build_seccomp_filter(const SyscallNumber& number_of, std::span<const char* const> more) {
  Program p;
  p.load_architecture();
  p.finish_if_not_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  p.load_number();
  p.finish_if_at_least(kX32Bit, SECCOMP_RET_KILL_PROCESS);
  p.finish_if_at_least(kFirstUnknown, refusal(ENOSYS));

  // Runs of neighbouring numbers are one comparison. These come first: they are what programs call all the time.
  std::vector<std::uint32_t> numbers;
  for (auto list : {std::span<const char* const>(kAllowed), more}) {
    for (const char* name : list) {
      int number = number_of(name);
      if (number >= 0) numbers.push_back(static_cast<std::uint32_t>(number));
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    p.finish_if_between(numbers[i], numbers[last], SECCOMP_RET_ALLOW);
    i = last + 1;
  }

  check_arguments(p, number_of);

  // Calls that libraries probe and replace by something else if they are "not there".
  struct Refused {
    const char* name;
    int error;
  };
  for (auto [name, error] :
       {Refused{"clone3", ENOSYS}, Refused{"io_uring_setup", ENOSYS}, Refused{"io_uring_enter", ENOSYS},
        Refused{"io_uring_register", ENOSYS}, Refused{"splice", EINVAL}, Refused{"tee", EINVAL},
        Refused{"vmsplice", EINVAL}, Refused{"sendfile", EINVAL}}) {
    int number = number_of(name);
    if (number >= 0) p.finish_if_equal(static_cast<std::uint32_t>(number), refusal(error));
  }
  p.finish(refusal(EPERM));
  return p.take();
}

}  // namespace virga::sandbox
