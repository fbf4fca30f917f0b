#include "virga/sandbox/spawn/blank.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "virga/os/errno.h"
#include "virga/os/socket.h"
#include "virga/sandbox/spawn/first_process.h"

namespace virga::sandbox::spawn {
namespace {

// One id inside, 1000, stands for one id outside. There is no user 0, so nothing inside can become or act as one.
Result<> write_id_map(pid_t pid, const char* file, std::uint32_t outside) {
  std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  std::string line = "1000 " + std::to_string(outside) + " 1\n";
  os::Descriptor map(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!map.valid()) return os::fail_errno("open", path);
  if (::write(map.get(), line.data(), line.size()) < 0) return os::fail_errno("write", path);
  return {};
}

}  // namespace

Result<Blank> make_blank(const Ground& ground, const Cgroup* cgroup, std::uint32_t host_id) {
  VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_SEQPACKET));
  VIRGA_TRY_ASSIGN(os::Descriptor tree, ground.workshop.clone_root());
  int pidfd = -1;
  clone_args arguments{};
  // The other namespaces are made by the child itself: they take longer, and this process serves everybody.
  arguments.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup != nullptr && cgroup->clone_target() >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup->clone_target());
  }
  long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid < 0) return os::fail_errno("clone3");
  if (pid == 0) {
    sockets.first.reset();
    run_first_process(ground, cgroup, std::move(sockets.second), std::move(tree));
  }
  Blank blank{static_cast<pid_t>(pid), os::Descriptor(pidfd), std::move(sockets.first)};
  sockets.second.reset();
  // The child waits for one message: its ids are set. If they cannot be, it sees the socket close, and ends.
  VIRGA_TRY(write_id_map(blank.pid, "uid_map", host_id));
  VIRGA_TRY(write_id_map(blank.pid, "gid_map", host_id));
  // When the whole machine is out of memory, functions go before the daemon. Inherited by all of the sandbox.
  os::Descriptor score(::open(("/proc/" + std::to_string(blank.pid) + "/oom_score_adj").c_str(), O_WRONLY | O_CLOEXEC));
  if (score.valid()) (void)!::write(score.get(), "500", 3);
  VIRGA_TRY(os::send_message(blank.socket, "g"));
  VIRGA_TRY(os::set_nonblocking(blank.socket));
  return blank;
}

}  // namespace virga::sandbox::spawn
