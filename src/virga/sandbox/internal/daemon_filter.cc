#include "virga/sandbox/internal/daemon_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace virga::sandbox {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kFirstForeign = 0x40000000;  // the x32 twins of the calls
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kFirstForeign = 0xffffffff;
#endif

constexpr std::uint32_t kForbidden[] = {
    SYS_execve,      SYS_execveat,   SYS_ptrace,      SYS_process_vm_readv, SYS_process_vm_writev, SYS_add_key,
    SYS_request_key, SYS_keyctl,     SYS_bpf,         SYS_perf_event_open,  SYS_userfaultfd,       SYS_io_uring_setup,
    SYS_unshare,     SYS_setns,      SYS_mount,       SYS_umount2,          SYS_pivot_root,        SYS_chroot,
    SYS_open_tree,   SYS_move_mount, SYS_fsopen,      SYS_mount_setattr,    SYS_open_by_handle_at, SYS_setpriority,
    SYS_shmget,      SYS_kexec_load, SYS_init_module, SYS_finit_module,     SYS_mq_open,           SYS_pidfd_getfd};

constexpr std::uint32_t kNamespaces =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr std::uint32_t kFamilies[] = {AF_INET, AF_INET6, AF_NETLINK};

// The low half of an argument; both architectures are little-endian.
constexpr std::uint32_t argument(int index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                    sizeof(std::uint64_t) * static_cast<unsigned>(index));
}

sock_filter load(std::uint32_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
sock_filter answer(std::uint32_t action) {
  return BPF_STMT(BPF_RET | BPF_K, action);
}
sock_filter jump_if_equal(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

}  // namespace

std::vector<sock_filter> make_daemon_filter() {
  constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  std::vector<sock_filter> filter = {load(offsetof(seccomp_data, arch)),
                                     jump_if_equal(kArchitecture, 1, 0),
                                     answer(SECCOMP_RET_KILL_PROCESS),
                                     load(offsetof(seccomp_data, nr)),
                                     BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstForeign, 0, 1),
                                     answer(SECCOMP_RET_KILL_PROCESS)};
  for (std::uint32_t number : kForbidden) {
    filter.push_back(jump_if_equal(number, 0, 1));
    filter.push_back(answer(kRefuse));
  }
  // The C library falls back to clone, whose flags can be looked at; namespaces would bring capabilities within them.
  filter.push_back(jump_if_equal(SYS_clone3, 0, 1));
  filter.push_back(answer(SECCOMP_RET_ERRNO | ENOSYS));
  filter.push_back(jump_if_equal(SYS_clone, 0, 4));
  filter.push_back(load(argument(0)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNamespaces, 0, 1));
  filter.push_back(answer(kRefuse));
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  // A socket of another family reaches what listens on this host by a path or a name. Pairs stay: socketpair(2).
  filter.push_back(jump_if_equal(SYS_socket, 0, static_cast<std::uint8_t>(2 * std::size(kFamilies) + 2)));
  filter.push_back(load(argument(0)));
  for (std::uint32_t family : kFamilies) {
    filter.push_back(jump_if_equal(family, 0, 1));
    filter.push_back(answer(SECCOMP_RET_ALLOW));
  }
  filter.push_back(answer(SECCOMP_RET_ERRNO | EAFNOSUPPORT));
  // Typing into the terminal that this program was started from.
  filter.push_back(jump_if_equal(SYS_ioctl, 0, 5));
  filter.push_back(load(argument(1)));
  filter.push_back(jump_if_equal(TIOCSTI, 1, 0));
  filter.push_back(jump_if_equal(TIOCLINUX, 0, 1));
  filter.push_back(answer(kRefuse));
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  // Limits of this process only, which is named 0.
  filter.push_back(jump_if_equal(SYS_prlimit64, 0, 3));
  filter.push_back(load(argument(0)));
  filter.push_back(jump_if_equal(0, 1, 0));
  filter.push_back(answer(kRefuse));
  filter.push_back(answer(SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace virga::sandbox
