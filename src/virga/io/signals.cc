#include "virga/io/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "virga/os/errno.h"

namespace virga::io {

Result<Signals> Signals::create(Loop& loop, std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  if (int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return fail(os::errno_error(error, "pthread_sigmask", ""));
  }
  os::Descriptor descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!descriptor.valid()) return os::fail_errno("signalfd");
  VIRGA_TRY_ASSIGN(auto readiness, Readiness::create(loop, std::move(descriptor)));
  return Signals(std::move(readiness));
}

Task<Result<int>> Signals::next() {
  while (true) {
    if (!readiness_->descriptor().valid()) co_return fail(ErrorCode::Cancelled, "signals: closed");
    signalfd_siginfo info{};
    ssize_t count = ::read(readiness_->descriptor().get(), &info, sizeof(info));
    if (count == sizeof(info)) co_return static_cast<int>(info.ssi_signo);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) co_return os::fail_errno("read signalfd");
    readiness_->drained();
    auto ready = co_await readiness_->readable();
    if (!ready) co_return std::unexpected(std::move(ready).error());
  }
}

}  // namespace virga::io
