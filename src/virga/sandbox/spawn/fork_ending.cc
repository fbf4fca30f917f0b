// How forks end: by themselves, by kill(), by the memory limit, with their template, or before they were ready.

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "virga/sandbox/spawn/forks.h"

namespace virga::sandbox::spawn {
namespace {

// How long the template, which reaps its forks, has to say how one ended. Nothing else waits for that.
constexpr std::chrono::seconds kPatienceForStatus{1};
// After this, what keeps entering the groups of a fork that has ended comes from its template.
constexpr std::chrono::seconds kPatienceForMembers{5};

}  // namespace

// Not Started, and never to be: what there is of it goes, then the daemon is told. `fork` may be gone afterwards.
void Forks::fail_fork(One& fork, Error error) {
  if (fork.started || fork.state == State::Ending) return begin_end(fork);
  if (!fork.failure) fork.failure = std::move(error);
  begin_end(fork);
}

void Forks::kill(One& fork) {
  fork.killed = true;
  switch (fork.state) {
    case State::Waiting: {
      fail_fork(fork, Error(ErrorCode::Cancelled, "the start was cancelled"));
      return;
    }
    case State::Asked:
      return;  // it is ended with its first word
    case State::Joining:
      return fail_fork(fork, Error(ErrorCode::Cancelled, "the start was cancelled"));
    default:
      return begin_end(fork);
  }
}

void Forks::begin_end(One& fork) {
  if (fork.state != State::Ending) {
    fork.state = State::Ending;
    forget(around_.epoll, fork.handshake);
    fork.handshake.reset();
    fork.deadline = Clock::now() + kPatienceForMembers;
  }
  if (fork.process.valid() && !fork.exited) {
    (void)::syscall(SYS_pidfd_send_signal, fork.process.get(), SIGKILL, nullptr, 0);
  }
  sweep(fork);
}

// Ends what is in its groups; if nothing is left, it is over.
void Forks::sweep(One& fork) {
  bool is_empty = fork.cgroup == nullptr || fork.cgroup->end_members();
  bool is_gone = !fork.process.valid() || fork.exited;
  Template* made_by = template_of(fork.of);
  if (!is_empty || !is_gone) {
    if (Clock::now() > fork.deadline && made_by != nullptr) around_.close_template(fork.of);
    return;
  }
  bool knows_how = !fork.started || fork.killed || fork.status || made_by == nullptr ||
                   Clock::now() - fork.exited_at > kPatienceForStatus;
  if (knows_how) finish(fork);
}

void Forks::finish(One& fork) {
  std::uint64_t of = fork.of;
  forget(around_.epoll, fork.handshake);
  forget(around_.epoll, fork.process);
  fork.tree.reset();  // with it goes what was mounted for it
  if (fork.tmp.valid()) around_.disks->end(std::move(fork.tmp));
  report_end(fork);
  if (fork.cgroup != nullptr && !fork.cgroup->remove()) to_remove_.push_back(std::move(fork.cgroup));
  serials_.erase(fork.id);
  forks_.erase(fork.serial);
  Template* made_by = template_of(of);
  if (made_by != nullptr && made_by->program_ended && forks_of(of).empty()) around_.close_template(of);
}

void Forks::report_end(One& fork) {
  CgroupUsage usage;
  if (fork.cgroup != nullptr) usage = fork.cgroup->usage();
  if (!fork.started) {
    Error error = fork.failure.value_or(Error(ErrorCode::Unavailable, "the template has ended"));
    if (fork.killed) error = Error(ErrorCode::Cancelled, "the start was cancelled");
    around_.tell(StartFailed{fork.id, std::move(error)});
    return;
  }
  Ended ended{.id = fork.id,
              .reason = EndReason::Signalled,
              .status = SIGKILL,
              .peak_memory_bytes = usage.peak_memory_bytes,
              .cpu_time = usage.cpu_time,
              .oom_kills = usage.oom_kills};
  if (fork.status && WIFEXITED(*fork.status)) {
    ended.reason = EndReason::Exited;
    ended.status = WEXITSTATUS(*fork.status);
  } else if (fork.killed) {
    ended.reason = EndReason::Killed;
  } else {
    if (fork.status && WIFSIGNALED(*fork.status)) ended.status = WTERMSIG(*fork.status);
    if (ended.status == SIGKILL && usage.oom_kills > 0) ended.reason = EndReason::OutOfMemory;
  }
  around_.tell(ended);
}

}  // namespace virga::sandbox::spawn
