#include "virga/sandbox/internal/seccomp_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>

namespace virga::sandbox {
namespace {

// Runs a filter as the kernel would.
std::uint32_t run(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, sizeof(accumulator));
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(accumulator >= step.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(accumulator > step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        ADD_FAILURE() << "unknown instruction " << step.code;
        return 0;
    }
  }
  ADD_FAILURE() << "fell off the end";
  return 0;
}

#if defined(__x86_64__)
constexpr std::uint32_t kNative = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kForeign = AUDIT_ARCH_I386;
#else
constexpr std::uint32_t kNative = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kForeign = AUDIT_ARCH_ARM;
#endif

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t refused(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

class SeccompFilter : public testing::Test {
 protected:
  // Names this test speaks of get their real numbers; the others get none, but for a few that stand for "any".
  static int number_of(std::string_view name) {
    static const std::map<std::string_view, int> kNumbers = {{"read", SYS_read},
                                                             {"write", SYS_write},
                                                             {"openat", SYS_openat},
                                                             {"clone", SYS_clone},
                                                             {"clone3", SYS_clone3},
                                                             {"socket", SYS_socket},
                                                             {"socketpair", SYS_socketpair},
                                                             {"setsockopt", SYS_setsockopt},
                                                             {"ioctl", SYS_ioctl},
                                                             {"personality", SYS_personality},
                                                             {"prctl", SYS_prctl},
                                                             {"sendmsg", SYS_sendmsg},
                                                             {"sendto", SYS_sendto},
                                                             {"splice", SYS_splice},
                                                             {"io_uring_setup", SYS_io_uring_setup},
                                                             {"sendfile", SYS_sendfile},
                                                             {"execve", SYS_execve},
                                                             {"prlimit64", SYS_prlimit64},
                                                             {"chroot", SYS_chroot}};
    auto found = kNumbers.find(name);
    return found == kNumbers.end() ? -1 : found->second;
  }
  std::uint32_t call(long number, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0, std::uint64_t d = 0,
                     std::uint32_t architecture = kNative) const {
    seccomp_data data{static_cast<int>(number), architecture, 0, {a, b, c, d, 0, 0}};
    return run(filter_, data);
  }
  std::vector<sock_filter> filter_ = build_seccomp_filter(number_of);
};

TEST_F(SeccompFilter, AllowsTheListAndRefusesTheRest) {
  EXPECT_EQ(call(SYS_read), kAllow);
  EXPECT_EQ(call(SYS_execve), kAllow);
  EXPECT_EQ(call(SYS_mount), refused(EPERM));
  EXPECT_EQ(call(SYS_ptrace), refused(EPERM));
  EXPECT_EQ(call(SYS_bpf), refused(EPERM));
}

TEST_F(SeccompFilter, AllowsMoreWhereToldAndNothingElse) {
  EXPECT_EQ(call(SYS_chroot), refused(EPERM));
  constexpr const char* kMore[] = {"chroot"};
  filter_ = build_seccomp_filter(number_of, kMore);
  EXPECT_EQ(call(SYS_chroot), kAllow);
  EXPECT_EQ(call(SYS_read), kAllow);
  EXPECT_EQ(call(SYS_mount), refused(EPERM));
}

TEST_F(SeccompFilter, EndsCallsOfAnotherArchitecture) {
  EXPECT_EQ(call(SYS_read, 0, 0, 0, 0, kForeign), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(call(0x40000000 | SYS_read), SECCOMP_RET_KILL_PROCESS);
}

TEST_F(SeccompFilter, SaysThatNewerCallsAreNotThere) {
  EXPECT_EQ(call(450), refused(ENOSYS));
  EXPECT_EQ(call(467), refused(ENOSYS));
  EXPECT_EQ(call(SYS_clone3), refused(ENOSYS));
  EXPECT_EQ(call(SYS_io_uring_setup), refused(ENOSYS));
  EXPECT_EQ(call(SYS_splice), refused(EINVAL));
  EXPECT_EQ(call(SYS_sendfile), refused(EINVAL));
}

TEST_F(SeccompFilter, AllowsThreadsButNoNamespaces) {
  EXPECT_EQ(call(SYS_clone, 0x3d0f00), kAllow);  // pthread_create
  for (std::uint64_t flag : {0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000}) {
    EXPECT_EQ(call(SYS_clone, flag | 17), refused(EPERM)) << flag;
  }
}

TEST_F(SeccompFilter, AllowsOrdinarySocketsOnly) {
  EXPECT_EQ(call(SYS_socket, 2, 1 | 02000000, 6), kAllow);  // TCP, close-on-exec
  EXPECT_EQ(call(SYS_socket, 10, 2, 17), kAllow);
  EXPECT_EQ(call(SYS_socket, 1, 1, 0), kAllow);
  EXPECT_EQ(call(SYS_socket, 16, 3, 0), kAllow);  // NETLINK_ROUTE
  EXPECT_EQ(call(SYS_socket, 16, 3, 12), refused(EAFNOSUPPORT));
  EXPECT_EQ(call(SYS_socket, 2, 3, 1), refused(EPERM));
  EXPECT_EQ(call(SYS_socket, 2, 1, 262), refused(EPROTONOSUPPORT));  // MPTCP
  for (std::uint64_t family : {17, 38, 40, 33}) EXPECT_EQ(call(SYS_socket, family, 1, 0), refused(EAFNOSUPPORT));
  EXPECT_EQ(call(SYS_socketpair, 1, 1), kAllow);
  EXPECT_EQ(call(SYS_socketpair, 16, 1), refused(EAFNOSUPPORT));
}

TEST_F(SeccompFilter, LooksAtTheHalfOfAnArgumentThatTheKernelReads) {
  EXPECT_EQ(call(SYS_ioctl, 0, 0x5401), kAllow);
  EXPECT_EQ(call(SYS_ioctl, 0, 0x5412), refused(EPERM));
  EXPECT_EQ(call(SYS_ioctl, 0, 0x100005412), refused(EPERM));
  EXPECT_EQ(call(SYS_ioctl, 0, 0x541c), refused(EPERM));
  EXPECT_EQ(call(SYS_socket, 0x100000026, 5), refused(EAFNOSUPPORT));
}

TEST_F(SeccompFilter, RefusesSocketOptionsThatReachDeeper) {
  EXPECT_EQ(call(SYS_setsockopt, 3, 6, 1), kAllow);  // TCP_NODELAY
  EXPECT_EQ(call(SYS_setsockopt, 3, 1, 2), kAllow);  // SO_REUSEADDR
  EXPECT_EQ(call(SYS_setsockopt, 3, 41, 26), kAllow);
  EXPECT_EQ(call(SYS_setsockopt, 3, 6, 31), refused(EPERM));
  EXPECT_EQ(call(SYS_setsockopt, 3, 1, 50), refused(EPERM));
  EXPECT_EQ(call(SYS_setsockopt, 3, 0, 17), refused(EPERM));
  EXPECT_EQ(call(SYS_setsockopt, 3, 41, 35), refused(EPERM));
  EXPECT_EQ(call(SYS_sendmsg, 3, 0, 0x4000), kAllow);  // MSG_NOSIGNAL
  EXPECT_EQ(call(SYS_sendmsg, 3, 0, 0x4000000), refused(EPERM));
  EXPECT_EQ(call(SYS_sendto, 3, 0, 0, 0x8000000), refused(EPERM));
}

TEST_F(SeccompFilter, AnswersQuestionsButChangesNoPersonality) {
  EXPECT_EQ(call(SYS_personality, 0xffffffff), kAllow);
  EXPECT_EQ(call(SYS_personality, 0x40000), refused(EPERM));
  EXPECT_EQ(call(SYS_prctl, 15), kAllow);
  EXPECT_EQ(call(SYS_prctl, 22), refused(EINVAL));  // PR_SET_SECCOMP
  EXPECT_EQ(call(SYS_prctl, 28), refused(EINVAL));  // PR_SET_SECUREBITS
}

TEST_F(SeccompFilter, KeepsTheCoreLimit) {
  EXPECT_EQ(call(SYS_prlimit64, 0, 7, 0x7fff00001000), kAllow);
  EXPECT_EQ(call(SYS_prlimit64, 0, 4, 0), kAllow);
  EXPECT_EQ(call(SYS_prlimit64, 0, 4, 0x7fff00001000), refused(EPERM));
  EXPECT_EQ(call(SYS_prlimit64, 0, 4, 0x700000000), refused(EPERM));
}

// Calls that were the way out in past escapes, or that no function needs. None may come back to the list by accident.
TEST(SeccompList, HoldsNoneOfTheCallsThatWereTakenOut) {
  std::set<std::string_view> allowed;
  for (const char* name : allowed_syscalls()) EXPECT_TRUE(allowed.insert(name).second) << name << " is there twice";
  for (std::string_view name : {"mount",
                                "umount2",
                                "pivot_root",
                                "chroot",
                                "unshare",
                                "setns",
                                "ptrace",
                                "process_vm_readv",
                                "bpf",
                                "perf_event_open",
                                "userfaultfd",
                                "io_uring_setup",
                                "keyctl",
                                "add_key",
                                "request_key",
                                "open_by_handle_at",
                                "name_to_handle_at",
                                "init_module",
                                "finit_module",
                                "kexec_load",
                                "setuid",
                                "setgid",
                                "setresuid",
                                "capset",
                                "chown",
                                "fchownat",
                                "lchown",
                                "mknod",
                                "mknodat",
                                "vmsplice",
                                "tee",
                                "splice",
                                "sendfile",
                                "personality",
                                "move_mount",
                                "open_tree",
                                "fsopen",
                                "fsmount",
                                "mount_setattr",
                                "seccomp",
                                "shmget",
                                "msgget",
                                "semget",
                                "mq_open",
                                "memfd_secret",
                                "modify_ldt",
                                "io_setup",
                                "syncfs",
                                "sync",
                                "swapon",
                                "reboot",
                                "iopl",
                                "ioperm",
                                "quotactl",
                                "acct",
                                "settimeofday",
                                "clock_settime",
                                "adjtimex",
                                "sethostname",
                                "rt_sigqueueinfo"}) {
    EXPECT_FALSE(allowed.contains(name)) << name;
  }
}

TEST(SeccompList, StaysWithinTheKernelsLimit) {
  int next = 0;
  // The worst case: no two numbers are neighbours.
  auto filter = build_seccomp_filter([&](std::string_view) { return next += 2; });
  EXPECT_LT(filter.size(), 4096u);
}

}  // namespace
}  // namespace virga::sandbox
