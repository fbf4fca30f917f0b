#include "virga/sandbox/spawn/keeper.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "virga/os/errno.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/report.h"
#include "virga/sandbox/internal/request.h"

namespace virga::sandbox::spawn {
namespace {

// A helper that lost its daemon ends its sandboxes, which takes milliseconds; one that does not is ended.
constexpr int kPatience = 20000;

}  // namespace

void Keeper::run() {
  char buffer[wire::kStartHelper.size()];
  while (true) {
    auto message = os::receive_message(control_, buffer);
    // Longer than the word, or with descriptors: no daemon of ours. It gets nothing, and what it sent is closed.
    if (!message && message.error().code() == ErrorCode::InvalidArgument) continue;
    if (!message || message->size == 0) break;
    if (std::string_view(buffer, message->size) != wire::kStartHelper || !message->descriptors.empty()) continue;
    end();
    auto started = start();
    if (!started) (void)os::send_message(control_, wire::encode(wire::Unable{started.error()}));
  }
  end();
}

Result<> Keeper::start() {
  VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_SEQPACKET));
  constexpr int kBuffer = 4 << 20;  // room for bursts; the kernel takes what it allows
  for (const auto* end : {&sockets.first, &sockets.second}) {
    (void)::setsockopt(end->get(), SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof(kBuffer));
  }
  pid_t child = ::fork();
  if (child < 0) return os::fail_errno("fork");
  if (child == 0) {
    control_.reset();
    sockets.first.reset();
    (void)::prctl(PR_SET_NAME, "virga-spawn", 0, 0, 0);
    ::_exit(work_(std::move(sockets.second)));
  }
  helper_ = child;
  process_ = os::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (!process_.valid()) return os::fail_errno("pidfd_open");
  int passed = sockets.first.get();
  return os::send_message(control_, wire::encode(wire::HelperStarted{child}), std::span(&passed, 1));
}

void Keeper::end() {
  if (helper_ < 0) return;
  pollfd waiting{process_.get(), POLLIN, 0};
  int ended = 0;
  do {
    ended = ::poll(&waiting, 1, kPatience);
  } while (ended < 0 && errno == EINTR);
  if (ended <= 0) (void)::kill(helper_, SIGKILL);  // not reaped yet, so the number is still its own
  while (::waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
  helper_ = -1;
  process_.reset();
}

}  // namespace virga::sandbox::spawn
