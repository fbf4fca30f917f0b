#include "virga/sandbox/spawn/spawner.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::size_t kMostPending = 8192;  // requests that wait for a blank
constexpr std::size_t kMostPreparing = 8;   // blanks in the making at a time
constexpr std::size_t kLookAhead = 16;      // requests among which one that can be served is looked for
constexpr int kIdleBeforeRefill = 1;        // milliseconds without an event before a blank is made ahead of need
constexpr int kRemoveAgainAfter = 10;       // milliseconds
constexpr std::size_t kStemHandles = 3;     // descriptors that come with a stem
constexpr const char* kIdIsTaken = "a sandbox with this id runs";
constexpr std::uint64_t kDaemonKey = 0;  // serials begin at 1
constexpr std::uint64_t kDisksKey = 1;
constexpr int kMostReportsAtOnce = 64;  // of one sandbox in one round

}  // namespace

Spawner::Spawner(os::Descriptor daemon, const Ground& ground, Workshop& workshop, Cgroups* cgroups, Disks* disks,
                 Settings settings)
    : daemon_(std::move(daemon)),
      ground_(ground),
      workshop_(workshop),
      cgroups_(cgroups),
      disks_(disks),
      settings_(std::move(settings)),
      forks_({.epoll = epoll_,
              .ground = ground,
              .workshop = workshop,
              .cgroups = cgroups,
              .disks = disks,
              .next_serial = next_serial_,
              .tell = [this](const wire::Report& report) { send(report); },
              .close_template =
                  [this](std::uint64_t serial) {
                    auto found = sandboxes_.find(serial);
                    if (found != sandboxes_.end()) end_first_process(*found->second);
                  }}) {}

Result<> Spawner::prepare() {
  epoll_ = os::Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return os::fail_errno("epoll_create");
  VIRGA_TRY(os::set_nonblocking(daemon_));
  if (disks_ != nullptr) VIRGA_TRY(watch(epoll_, disks_->descriptor(), kDisksKey));
  return watch(epoll_, daemon_.get(), kDaemonKey);
}

void Spawner::run() {
  send(wire::Hello{ground_.is_root, cgroups_ != nullptr});
  if (!settings_.notice.empty()) send(Notice{settings_.notice});
  while (!daemon_gone_) {
    epoll_event events[64];
    int count = ::epoll_wait(epoll_.get(), events, 64, housekeep());
    if (count == 0 && wants_blank()) {
      blanks_fail_ = !add_blank();
    } else if (count == 0 && wants_primed()) {
      prime_one();
    }
    if (count == 0 && wants_disk()) disks_->make_ahead();
    for (int i = 0; i < count; ++i) {
      std::uint64_t key = events[i].data.u64;
      if (key == kDisksKey) {
        disks_->on_readable();
        continue;
      }
      if (key == kDaemonKey) {
        if ((events[i].events & EPOLLOUT) != 0) flush();
        if ((events[i].events & ~EPOLLOUT) != 0) read_requests();
        continue;
      }
      auto which = static_cast<Which>(key % kWhiches);
      if (which >= Which::ForkSocket) {
        forks_.on_event(key / kWhiches, which);
        continue;
      }
      auto found = sandboxes_.find(key / kWhiches);
      if (found == sandboxes_.end()) continue;  // ended earlier in this round
      switch (which) {
        case Which::Process:
          finish(key / kWhiches);
          break;
        case Which::Program:
          read_program(*found->second);
          break;
        default:
          read_reports(*found->second);
      }
    }
    serve_pending();
    forks_.serve();
  }
  shut_down();
}

int Spawner::housekeep() {
  std::erase_if(to_remove_, [](const auto& cgroup) { return cgroup->remove(); });
  bool has_children = disks_ != nullptr && disks_->housekeep();
  if (auto notice = disks_ != nullptr ? disks_->take_notice() : std::nullopt) send(Notice{std::move(*notice)});
  int forks_wait = forks_.housekeep();
  if (wants_blank() || wants_primed() || wants_disk()) return kIdleBeforeRefill;
  if (!to_remove_.empty() || has_children) return kRemoveAgainAfter;
  return forks_wait;
}

// Ahead of need, and never at the expense of a start under way.
bool Spawner::wants_blank() const {
  return pending_.empty() && !blanks_fail_ && count(State::Starting) == 0 &&
         count(State::Ready) + count(State::Preparing) + count(State::Priming) + count(State::Primed) <
             settings_.blanks;
}

// Half of the blanks, and never the last one that waits for an order of another kind.
bool Spawner::wants_primed() const {
  return pending_.empty() && count(State::Starting) == 0 && count(State::Preparing) == 0 && count(State::Ready) > 1 &&
         count(State::Priming) + count(State::Primed) < (settings_.blanks + 1) / 2 &&
         (disks_ == nullptr || disks_->ask(Disks::kUsualBytes, 1) != Disks::Stock::Coming);
}

bool Spawner::wants_disk() const {
  return disks_ != nullptr && pending_.empty() && count(State::Starting) == 0 && disks_->wants_more();
}

std::size_t Spawner::count(State state) const {
  std::size_t total = 0;
  for (const auto& [serial, sandbox] : sandboxes_) total += sandbox->state == state && !sandbox->killed ? 1 : 0;
  return total;
}

Spawner::Sandbox* Spawner::find(std::uint64_t id) {
  auto serial = serials_.find(id);
  return serial == serials_.end() ? nullptr : sandboxes_.at(serial->second).get();
}

// ---- From the daemon.

void Spawner::read_requests() {
  while (true) {
    auto message = os::receive_message(daemon_, inbox_);
    if (!message && message.error().code() == ErrorCode::Unavailable) return;
    if (!message || message->size == 0) {
      daemon_gone_ = true;
      return;
    }
    auto request = wire::decode_request(std::string_view(inbox_.data(), message->size));
    // Helper checks before it sends, so this is no daemon of ours. Whatever it is, it gets nothing.
    if (!request) continue;
    handle(std::move(*request), inbox_.substr(0, message->size), std::move(message->descriptors));
  }
}

void Spawner::handle(wire::Request request, std::string bytes, std::vector<os::Descriptor> descriptors) {
  std::uint64_t id = request.spec.id;
  if (request.kind == wire::RequestKind::Start) {
    auto refuse = [&](ErrorCode code, const char* message) { send(StartFailed{id, Error(code, message)}); };
    if (descriptors.size() != static_cast<std::size_t>(std::popcount(request.channels))) {
      return refuse(ErrorCode::InvalidArgument, "a start came without its descriptors");
    }
    if (serials_.contains(id) || forks_.has(id)) return refuse(ErrorCode::AlreadyExists, kIdIsTaken);
    if (request.spec.stage == Stage::Template) {
      if (auto available = forks_.available(); !available) return send(StartFailed{id, available.error()});
    }
    if (pending_.size() >= kMostPending) return refuse(ErrorCode::ResourceExhausted, "too many starts are waiting");
    pending_.push_back({std::move(request), std::move(bytes), std::move(descriptors), Clock::now()});
    serve_pending();
    return;
  }
  if (request.kind == wire::RequestKind::Fork) {
    if (!serials_.contains(id) && !forks_.has(id)) return forks_.fork(std::move(request), std::move(descriptors));
    return send(StartFailed{id, Error(ErrorCode::AlreadyExists, kIdIsTaken)});
  }
  if (forks_.has(id)) return forks_.obey(request);
  if (request.kind == wire::RequestKind::Kill) return kill(id);
  if (request.kind == wire::RequestKind::Bind) return bind(request.spec);
  Sandbox* sandbox = find(id);
  if (sandbox == nullptr || sandbox->state != State::Running) return;  // ended: its event is on the way
  Cgroup* cgroup = sandbox->cgroup.get();
  if (request.kind == wire::RequestKind::Query) {
    Usage usage{.id = id};
    if (cgroup != nullptr) {
      auto counted = cgroup->usage();
      usage = {id, counted.memory_bytes, counted.peak_memory_bytes, counted.cpu_time, counted.processes};
    }
    send(usage);
    return;
  }
  if (cgroup == nullptr) return;
  if (request.kind == wire::RequestKind::EndInit) (void)cgroup->set_cpus(sandbox->limits.cpus);
  // One that was told to end must get to it.
  if (request.kind == wire::RequestKind::Freeze && !sandbox->killed) (void)cgroup->freeze();
  if (request.kind == wire::RequestKind::Thaw) (void)cgroup->thaw();
}

void Spawner::kill(std::uint64_t id) {
  if (Sandbox* sandbox = find(id)) return end(*sandbox);
  auto waiting =
      std::find_if(pending_.begin(), pending_.end(), [&](const Pending& p) { return p.request.spec.id == id; });
  if (waiting == pending_.end()) return;
  pending_.erase(waiting);
  send(StartFailed{id, Error(ErrorCode::Cancelled, "the start was cancelled")});
}

// The kernel ends every process of a pid namespace when its first one ends, however fast they fork, and reports the
// first one's end only after that.
void Spawner::end(Sandbox& sandbox) {
  sandbox.killed = true;
  // What thaws then runs nothing more.
  end_first_process(sandbox);
  if (sandbox.cgroup != nullptr) sandbox.cgroup->kill();
  forks_.let_end(sandbox.serial, /*by_kill=*/true);
}

void Spawner::end_first_process(Sandbox& sandbox) {
  (void)::syscall(SYS_pidfd_send_signal, sandbox.blank.process.get(), SIGKILL, nullptr, 0);
}

// ---- Blanks.

std::optional<std::uint32_t> Spawner::take_host_id() {
  if (!ground_.is_root) return 0;  // the caller's own, under the number it has in the helper's namespace
  for (std::uint32_t tried = 0; tried < settings_.id_count; ++tried) {
    std::uint32_t id = settings_.first_id + next_host_id_;
    next_host_id_ = (next_host_id_ + 1) % settings_.id_count;
    if (host_ids_.insert(id).second) return id;
  }
  return std::nullopt;
}

Result<> Spawner::add_blank() {
  auto sandbox = std::make_unique<Sandbox>();
  sandbox->serial = next_serial_++;
  sandbox->arrival = Clock::now();
  if (cgroups_ != nullptr) {
    VIRGA_TRY_ASSIGN(sandbox->cgroup, cgroups_->create("i" + std::to_string(sandbox->serial)));
  }
  auto host_id = take_host_id();
  auto blank = host_id ? make_blank(ground_, sandbox->cgroup.get(), *host_id)
                       : Result<Blank>(fail(ErrorCode::ResourceExhausted, "all host ids are in use"));
  if (!blank) {
    if (host_id) host_ids_.erase(*host_id);
    if (sandbox->cgroup != nullptr && !sandbox->cgroup->remove()) to_remove_.push_back(std::move(sandbox->cgroup));
    return std::unexpected(blank.error());
  }
  sandbox->host_id = *host_id;
  sandbox->blank = std::move(*blank);
  VIRGA_TRY(watch(epoll_, sandbox->blank.socket.get(), key_of(sandbox->serial, Which::Socket)));
  VIRGA_TRY(watch(epoll_, sandbox->blank.process.get(), key_of(sandbox->serial, Which::Process)));
  sandboxes_.emplace(sandbox->serial, std::move(sandbox));
  return {};
}

// Gives waiting starts to ready blanks, and sees to it that enough are in the making.
void Spawner::serve_pending() {
  while (!pending_.empty()) {
    // One that waits for its disk does not hold up those right behind it.
    auto last = pending_.begin() + static_cast<std::ptrdiff_t>(std::min(pending_.size(), kLookAhead));
    Sandbox* blank = nullptr;
    auto next = std::find_if(pending_.begin(), last,
                             [&](const Pending& waiting) { return (blank = choose(waiting.request.spec)) != nullptr; });
    if (next == last) break;
    Pending pending = std::move(*next);
    pending_.erase(next);
    assign(*blank, pending);
  }
  std::size_t preparing = pending_.empty() ? 0 : count(State::Preparing) + count(State::Ready);
  while (preparing < std::min(pending_.size(), kMostPreparing)) {
    if (auto added = add_blank(); !added) {
      if (preparing > 0) return;  // those in the making may do
      send(StartFailed{pending_.front().request.spec.id, added.error()});
      pending_.pop_front();
      continue;
    }
    ++preparing;
  }
}

Result<> Spawner::watch_program(Sandbox& sandbox) {
  VIRGA_TRY(os::set_nonblocking(sandbox.program));
  return watch(epoll_, sandbox.program.get(), key_of(sandbox.serial, Which::Program));
}

// ---- From the sandboxes.

void Spawner::read_reports(Sandbox& sandbox) {
  // What init says about a program's end comes after the program's beginning.
  read_program(sandbox);
  for (int count = 0; count < kMostReportsAtOnce && sandbox.blank.socket.valid(); ++count) {
    char buffer[sizeof(BlankReport) + 1];
    auto message = os::receive_message(sandbox.blank.socket, buffer);
    if (!message && message.error().code() == ErrorCode::Unavailable) return;
    if (!message || message->size == 0) {
      forget(epoll_, sandbox.blank.socket);
      sandbox.blank.socket.reset();  // its end is told by the pidfd
      forks_.let_end(sandbox.serial, /*by_kill=*/false);
      return;
    }
    if (message->size == sizeof(BlankReport)) {
      BlankReport report;
      std::memcpy(&report, buffer, sizeof(report));
      on_report(sandbox, report, std::move(message->descriptors));
    } else if (message->size == sizeof(int) && sandbox.state == State::Running) {
      int status = 0;
      std::memcpy(&status, buffer, sizeof(status));
      on_status(sandbox, status);
    } else if (message->size == sizeof(DoorAnswer)) {
      DoorAnswer answer{};
      std::memcpy(&answer, buffer, sizeof(answer));
      forks_.on_door(sandbox.serial, answer);
    } else if (message->size == sizeof(DoorReaped)) {
      DoorReaped reaped{};
      std::memcpy(&reaped, buffer, sizeof(reaped));
      forks_.on_reaped(sandbox.serial, reaped);
    }
  }
}

void Spawner::on_report(Sandbox& sandbox, const BlankReport& report, std::vector<os::Descriptor> descriptors) {
  auto spent = [&](int index) { return microseconds(report.microseconds[index]); };
  switch (report.kind) {
    case BlankReport::Ready:
      if (sandbox.state != State::Preparing) return;
      sandbox.state = State::Ready;
      blanks_fail_ = false;
      sandbox.phases.namespaces = spent(0);
      return;
    case BlankReport::Running:
      if (sandbox.state != State::Starting) return;
      sandbox.phases.mounts += spent(0);
      sandbox.phases.policy = spent(1);
      sandbox.phases.exec = spent(2);
      if (sandbox.stage == Stage::Template) {
        if (auto added = add_template(sandbox, descriptors); !added) {
          sandbox.failure = added.error();
          return end(sandbox);
        }
      }
      if (sandbox.stage == Stage::Stem && descriptors.size() >= kStemHandles) {
        sandbox.stem = {std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2])};
        descriptors.erase(descriptors.begin(), descriptors.begin() + kStemHandles);
      }
      sandbox.to_hand_out = std::move(descriptors);
      return program_runs(sandbox);
    case BlankReport::Primed:
      if (sandbox.state != State::Priming || descriptors.size() < kStemHandles + 2) return;
      sandbox.state = State::Primed;
      sandbox.stem = {std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2])};
      sandbox.listener = std::move(descriptors[3]);
      sandbox.program = std::move(descriptors[4]);
      if (descriptors.size() > kStemHandles + 2) sandbox.services_listener = std::move(descriptors[5]);
      return;
    default: {
      auto code = report.error_code >= 0 && report.error_code <= static_cast<int>(ErrorCode::Internal)
                      ? static_cast<ErrorCode>(report.error_code)
                      : ErrorCode::Internal;
      sandbox.failure = Error(code, std::string(report.text, ::strnlen(report.text, sizeof(report.text))));
    }
  }
}

// A kill that came meanwhile changes nothing: the program did run, so what follows is its Ended.
void Spawner::program_runs(Sandbox& sandbox) {
  sandbox.state = State::Running;
  sandbox.phases.total = duration_cast<microseconds>(Clock::now() - sandbox.arrival);
  Started started;
  started.id = sandbox.id;
  started.phases = sandbox.phases;
  send(std::move(started), std::move(sandbox.to_hand_out));
}

// The first process is gone, and with it, by the kernel's promise, every process of the sandbox.
void Spawner::finish(std::uint64_t serial) {
  auto found = sandboxes_.find(serial);
  Sandbox& sandbox = *found->second;
  read_reports(sandbox);
  siginfo_t info{};
  (void)::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(sandbox.blank.process.get()), &info, WEXITED);
  forks_.on_template_end(serial);
  if (sandbox.egress) egress_->disconnect(*sandbox.egress);
  if (sandbox.lent) take_back(*sandbox.lent);  // before the daemon hears of the end
  if (sandbox.tmp.valid()) disks_->end(std::move(sandbox.tmp));
  report_end(sandbox);
  if (!sandbox.layer_folder.empty()) remove_layer_folder(sandbox.layer_folder);
  host_ids_.erase(sandbox.host_id);
  if (sandbox.id != 0) serials_.erase(sandbox.id);
  if (sandbox.cgroup != nullptr && !sandbox.cgroup->remove()) to_remove_.push_back(std::move(sandbox.cgroup));
  for (const auto* watched : {&sandbox.blank.process, &sandbox.blank.socket, &sandbox.program}) {
    forget(epoll_, *watched);
  }
  sandboxes_.erase(found);
}

void Spawner::report_end(Sandbox& sandbox) {
  CgroupUsage usage;
  if (sandbox.cgroup != nullptr && sandbox.id != 0) usage = sandbox.cgroup->usage();
  if (sandbox.state == State::Preparing || sandbox.state == State::Priming) {
    blanks_fail_ = true;
    if (pending_.empty() || sandbox.killed) return;
    // The next one would fail the same way, so the request that waited longest is told.
    auto error = sandbox.failure.value_or(Error(ErrorCode::Internal, "a sandbox ended while it was made"));
    send(StartFailed{pending_.front().request.spec.id, std::move(error)});
    pending_.pop_front();
    return;
  }
  if (sandbox.id == 0) return;
  if (sandbox.state == State::Starting) {
    Error error(ErrorCode::Internal, "the sandbox ended while it was started");
    if (sandbox.killed) {
      error = Error(ErrorCode::Cancelled, "the start was cancelled");
    } else if (sandbox.failure) {
      error = std::move(*sandbox.failure);
    } else if (usage.oom_kills > 0) {
      // Where the kernel ends a whole group at once, nobody is left to say whether the program ran a moment or not.
      auto limit = std::to_string(sandbox.limits.memory_bytes >> 20);
      error = Error(ErrorCode::ResourceExhausted,
                    "it ran out of memory as it started: give it more than " + limit + " MiB");
    }
    send(StartFailed{sandbox.id, std::move(error)});
    return;
  }
  Ended ended{.id = sandbox.id,
              .reason = EndReason::Signalled,
              .status = SIGKILL,
              .peak_memory_bytes = usage.peak_memory_bytes,
              .cpu_time = usage.cpu_time,
              .oom_kills = usage.oom_kills};
  if (sandbox.status && WIFEXITED(*sandbox.status)) {
    ended.reason = EndReason::Exited;
    ended.status = WEXITSTATUS(*sandbox.status);
  } else if (sandbox.killed) {
    ended.reason = EndReason::Killed;
  } else {
    if (sandbox.status && WIFSIGNALED(*sandbox.status)) ended.status = WTERMSIG(*sandbox.status);
    if (ended.status == SIGKILL && usage.oom_kills > 0) ended.reason = EndReason::OutOfMemory;
  }
  send(ended);
}

// ---- To the daemon.

void Spawner::send(const wire::Report& report, std::vector<os::Descriptor> descriptors) {
  outgoing_.push_back({wire::encode(report), std::move(descriptors)});
  flush();
}

void Spawner::flush() {
  while (!outgoing_.empty() && !daemon_gone_) {
    const Outgoing& next = outgoing_.front();
    std::vector<int> passed;
    passed.reserve(next.descriptors.size());
    for (const auto& descriptor : next.descriptors) passed.push_back(descriptor.get());
    auto sent = os::send_message(daemon_, next.bytes, passed);
    if (!sent && sent.error().code() == ErrorCode::Unavailable) break;
    if (!sent) daemon_gone_ = true;
    outgoing_.pop_front();
  }
  bool waits = !outgoing_.empty();
  if (waits == waits_to_write_) return;
  waits_to_write_ = waits;
  epoll_event event{};
  event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, daemon_.get(), &event);
}

void Spawner::shut_down() {
  daemon_.reset();
  pending_.clear();
  for (auto& [serial, sandbox] : sandboxes_) end(*sandbox);
  while (!sandboxes_.empty()) finish(sandboxes_.begin()->first);  // waits for each
  forks_.remove_all();
  for (int round = 0; round < 100 && !to_remove_.empty(); ++round) {
    std::erase_if(to_remove_, [](const auto& cgroup) { return cgroup->remove(); });
    if (!to_remove_.empty()) ::usleep(kRemoveAgainAfter * 1000);
  }
  if (disks_ != nullptr) disks_->shut_down();
  if (cgroups_ != nullptr) cgroups_->remove();
}

}  // namespace virga::sandbox::spawn
