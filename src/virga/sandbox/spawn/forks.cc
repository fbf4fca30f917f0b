#include "virga/sandbox/spawn/forks.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

#include "virga/sandbox/internal/landlock.h"

namespace virga::sandbox::spawn {
namespace {

// A template that keeps descriptors of its forks' /tmp keeps the memory and disks below them; this bounds how many.
constexpr std::uint64_t kMostForks = 4096;
constexpr int kSweepAgainAfter = 10;  // milliseconds
constexpr int kLookAtDeadlinesAfter = 100;

}  // namespace

Result<> Forks::available() const {
  auto no = [](const char* why) {
    return fail(ErrorCode::Unimplemented, std::string("forks are not available: ") + why);
  };
  if (!around_.ground.is_root) return no("Virga was not started as root");
  if (around_.cgroups == nullptr) return no("this machine has no cgroups for their limits");
  if (around_.ground.landlock_abi < landlock::kScopesSignals) {
    return no("this kernel cannot keep them from signalling each other (Landlock of Linux 6.12 can)");
  }
  return {};
}

Result<> Forks::add(NewTemplate made) {
  if (!home_) {
    VIRGA_TRY_ASSIGN(auto home, Home::remember());
    home_.emplace(std::move(home));
  }
  if (!yard_) {
    VIRGA_TRY_ASSIGN(auto yard, Yard::create(*home_));
    yard_.emplace(std::move(yard));
  }
  VIRGA_TRY_ASSIGN(pid_t pid, pid_of(made.program));
  VIRGA_TRY(yard_->add(made.serial, made.root));
  VIRGA_TRY(watch(around_.epoll, made.socket.get(), key_of(made.serial, Which::ForkSocket)));
  auto added = std::unique_ptr<Template>(new Template{.serial = made.serial,
                                                      .id = made.id,
                                                      .host_id = made.host_id,
                                                      .limits = made.spec.limits,
                                                      .network = made.spec.network,
                                                      .door = made.door,
                                                      .socket = std::move(made.socket),
                                                      .program = std::move(made.program),
                                                      .pid = pid});
  templates_.emplace(made.serial, std::move(added));
  return {};
}

Forks::Template* Forks::template_of(std::uint64_t serial) {
  auto found = templates_.find(serial);
  return found == templates_.end() ? nullptr : found->second.get();
}

Forks::One* Forks::find(std::uint64_t serial) {
  auto found = forks_.find(serial);
  return found == forks_.end() ? nullptr : found->second.get();
}

std::vector<Forks::One*> Forks::forks_of(std::uint64_t template_serial) {
  std::vector<One*> list;
  for (const auto& [serial, fork] : forks_) {
    if (fork->of == template_serial) list.push_back(fork.get());
  }
  return list;
}

void Forks::fork(wire::Request request, std::vector<os::Descriptor> channels) {
  std::uint64_t id = request.spec.id;
  const Limits& limits = request.spec.limits;
  auto refuse = [&](ErrorCode code, const char* message) { around_.tell(StartFailed{id, Error(code, message)}); };
  if (channels.size() != static_cast<std::size_t>(std::popcount(request.channels))) {
    return refuse(ErrorCode::InvalidArgument, "a fork came without its descriptors");
  }
  auto of = std::find_if(templates_.begin(), templates_.end(),
                         [&](const auto& entry) { return entry.second->id == request.of; });
  if (of == templates_.end()) return refuse(ErrorCode::NotFound, "no template with this id runs");
  Template& made_by = *of->second;
  if (made_by.takes_no_more) return refuse(ErrorCode::Unavailable, "this template makes no more forks");
  if (limits.open_files > made_by.limits.open_files || limits.tmp_bytes > made_by.limits.tmp_bytes) {
    return refuse(ErrorCode::InvalidArgument, "a fork has at most the open files and the /tmp of its template");
  }
  if (made_by.numbers + made_by.waiting.size() >= kMostForks) {
    return refuse(ErrorCode::ResourceExhausted, "this template has made all the forks it may");
  }
  auto made = std::make_unique<One>();
  made->serial = around_.next_serial++;
  made->id = id;
  made->of = made_by.serial;
  made->limits = limits;
  made->channel_bits = request.channels;
  made->channels = std::move(channels);
  made->arrival = Clock::now();
  serials_.emplace(id, made->serial);
  made_by.waiting.push_back(made->serial);
  forks_.emplace(made->serial, std::move(made));
  begin(made_by);
}

void Forks::obey(const wire::Request& request) {
  One* fork = find(serials_.at(request.spec.id));
  if (request.kind == wire::RequestKind::Kill) return kill(*fork);
  if (fork->state != State::Running) return;
  Cgroup& cgroup = *fork->cgroup;
  switch (request.kind) {
    case wire::RequestKind::Query: {
      auto counted = cgroup.usage();
      // A group of a whole sandbox has its first process in it as well; this one has not.
      around_.tell(
          Usage{fork->id, counted.memory_bytes, counted.peak_memory_bytes, counted.cpu_time, counted.processes + 1});
      return;
    }
    case wire::RequestKind::EndInit:
      (void)cgroup.set_cpus(fork->limits.cpus);
      return;
    case wire::RequestKind::Freeze:
      (void)cgroup.freeze();
      return;
    case wire::RequestKind::Thaw:
      (void)cgroup.thaw();
      return;
    case wire::RequestKind::Bind:
      around_.tell(BindFailed{fork->id, Error(ErrorCode::Conflict, "only a stem can be bound, and only once")});
      return;
    default:
      return;
  }
}

void Forks::on_event(std::uint64_t serial, Which which) {
  if (which == Which::ForkSocket) {
    if (Template* made_by = template_of(serial)) read_words(*made_by);
    return;
  }
  One* fork = find(serial);
  if (fork == nullptr) return;  // ended earlier in this round
  if (which == Which::Handshake) return read_handshake(*fork);
  if (fork->exited) return;
  forget(around_.epoll, fork->process);
  fork->exited = true;
  fork->exited_at = Clock::now();
  begin_end(*fork);
}

void Forks::on_reaped(std::uint64_t template_serial, const DoorReaped& reaped) {
  for (One* fork : forks_of(template_serial)) {
    if (fork->inside == reaped.pid && !fork->status) {
      fork->status = reaped.status;
      if (fork->state == State::Ending) return sweep(*fork);
    }
  }
}

bool Forks::on_program_end(std::uint64_t template_serial) {
  Template* ended = template_of(template_serial);
  if (ended == nullptr) return false;
  ended->program_ended = true;
  give_up_on(*ended, "the template has ended");
  return !forks_of(template_serial).empty();
}

void Forks::let_end(std::uint64_t template_serial, bool by_kill) {
  for (One* fork : forks_of(template_serial)) {
    fork->killed = fork->killed || by_kill;
    if (fork->cgroup != nullptr) fork->cgroup->kill();
  }
}

void Forks::on_template_end(std::uint64_t template_serial) {
  Template* ended = template_of(template_serial);
  if (ended == nullptr) return;
  ended->program_ended = true;
  give_up_on(*ended, "the template has ended");
  for (One* fork : forks_of(template_serial)) {
    fork->exited = true;
    finish(*fork);
  }
  yard_->remove(template_serial);
  forget(around_.epoll, ended->socket);
  templates_.erase(template_serial);
}

void Forks::serve() {
  for (auto& [serial, made_by] : templates_) begin(*made_by);
}

int Forks::housekeep() {
  std::erase_if(to_remove_, [](const auto& cgroup) { return cgroup->remove(); });
  int wait = to_remove_.empty() ? -1 : kSweepAgainAfter;
  auto now = Clock::now();
  std::vector<std::uint64_t> serials;
  for (const auto& [serial, fork] : forks_) {
    if (fork->state == State::Waiting || fork->state == State::Running) continue;
    serials.push_back(serial);
  }
  for (std::uint64_t serial : serials) {
    One* fork = find(serial);
    if (fork == nullptr) continue;
    if (fork->state == State::Ending) {
      sweep(*fork);
      if (find(serial) != nullptr) wait = kSweepAgainAfter;
      continue;
    }
    if (wait < 0) wait = kLookAtDeadlinesAfter;
    if (now < fork->deadline) continue;
    Template* made_by = template_of(fork->of);
    if (fork->state == State::Asked && made_by != nullptr) {
      give_up_on(*made_by, "the template did not fork in time");
    } else {
      fail_fork(*fork, Error(ErrorCode::DeadlineExceeded, "the fork was not ready in time"));
    }
  }
  return wait;
}

void Forks::remove_all() {
  std::erase_if(to_remove_, [](const auto& cgroup) { return cgroup->remove(); });
}

}  // namespace virga::sandbox::spawn
