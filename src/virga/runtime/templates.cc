#include "virga/runtime/templates.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "virga/telemetry/log.h"

namespace virga::runtime {
namespace {

using std::chrono::seconds;

// What a template is taken to cost before it was measured, and a fork that has run nothing.
constexpr std::uint64_t kUnknownCost = 48ull << 20;
constexpr std::uint64_t kForkCost = 2ull << 20;
constexpr std::chrono::microseconds kWaitingForkTime{200};
constexpr std::chrono::microseconds kForkTime{4000};
// A template makes one fork after the other: those that are waited for come first.
constexpr std::chrono::milliseconds kRefillPause{10};
constexpr seconds kHalfLife{10};
constexpr seconds kLookTime{5};
constexpr std::size_t kMostWaiting = 2;
constexpr double kMuchDemand = 2.5;  // starts of late from which a second fork waits
constexpr std::size_t kMostStarting = 2;

std::string in_megabytes(std::uint64_t bytes) {
  return std::to_string(bytes >> 20) + " MB";
}

}  // namespace

Templates::Templates(io::Loop& loop, TemplateMaker& maker, Options options)
    : loop_(loop), maker_(maker), options_(options), tasks_(loop), changed_(loop) {}

Templates::~Templates() = default;

double Templates::demand(const Line& line) const {
  std::chrono::duration<double> passed = loop_.now() - line.wanted_at;
  return line.demand * std::exp2(-passed / kHalfLife);
}

bool Templates::is_recent(const Line& line) const {
  return loop_.now() - line.wanted_at <= kRecentTime;
}

Templates::Taken Templates::take(const InstancePlan& plan) {
  if (!plan.can_be_forked || options_.memory_budget == 0 || stopping_) return {};
  auto now = loop_.now();
  auto [found, is_new] = lines_.try_emplace(plan.version->revision.text());
  auto& line = found->second;
  bool is_hot = !is_new && (line.plan != nullptr || now - line.wanted_at <= kHotTime);
  line.demand = is_new ? 1 : demand(line) + 1;
  line.wanted_at = now;
  if (!is_hot || line.is_retired) return {};
  Taken taken;
  if (!off_reason_.empty()) {
    taken.reason = off_reason_;
    return taken;
  }
  if (line.plan == nullptr) line.plan = std::make_shared<const InstancePlan>(plan);
  changed_.set();
  if (!line.refusal.empty()) {
    taken.reason = line.refusal;
    return taken;
  }
  while (!line.waiting.empty()) {
    auto fork = std::move(line.waiting.back());
    line.waiting.pop_back();
    if (fork->is_broken) {
      ++lost_;
      end(std::move(fork));
      continue;
    }
    ++taken_;
    return hand_out(line, std::move(fork));
  }
  taken.can_fork = line.process != nullptr && !line.process->is_broken && line.retry_at <= now;
  if (!taken.can_fork) taken.reason = line.failure.empty() ? "its template is not there yet" : line.failure;
  return taken;
}

Templates::Taken Templates::hand_out(Line& line, Process fork) {
  fork->on_break = nullptr;
  Taken taken;
  taken.fork = std::move(fork);
  taken.shared_bytes = line.cost;
  if (line.process != nullptr) taken.log = std::exchange(line.process->log, {});
  return taken;
}

io::Task<Templates::Taken> Templates::fork(std::string revision) {
  Taken taken;
  auto found = lines_.find(revision);
  if (found == lines_.end() || found->second.process == nullptr) {
    taken.reason = "its template has ended";
    co_return taken;
  }
  ++found->second.demanded;
  auto made = co_await maker_.fork(found->second.process, found->second.plan);
  found = lines_.find(revision);
  if (found != lines_.end()) {
    --found->second.demanded;
    changed_.set();
  }
  if (made) {
    ++made_;
    if (found == lines_.end()) {
      taken.fork = std::move(*made);
      co_return taken;
    }
    found->second.faults = 0;
    co_return hand_out(found->second, std::move(*made));
  }
  taken.reason = made.error().message();
  if (found != lines_.end()) count_fault(found->second, made.error());
  co_return taken;
}

std::optional<std::chrono::microseconds> Templates::fork_time(const std::string& revision) const {
  auto found = lines_.find(revision);
  if (found == lines_.end() || found->second.is_retired) return std::nullopt;
  const auto& line = found->second;
  if (!line.waiting.empty()) return kWaitingForkTime;
  bool can_fork = line.process != nullptr && !line.process->is_broken && line.retry_at <= loop_.now();
  return can_fork ? std::optional<std::chrono::microseconds>(kForkTime) : std::nullopt;
}

void Templates::retire(const std::string& revision) {
  auto found = lines_.find(revision);
  if (found == lines_.end()) return;
  found->second.is_retired = true;
  changed_.set();
}

// A code that refuses does so every time; anything else may go better later.
void Templates::count_fault(Line& line, const Error& error) {
  changed_.set();
  if (error.code() == ErrorCode::PreconditionFailed) {
    line.refusal = error.message();
    log::warn("function is not forked", {{"function", line.plan->version->function}, {"why", line.refusal}});
    return;
  }
  log::warn("fork not made", {{"function", line.plan->version->function}, {"error", error}});
  if (++line.faults < kMostFaults) return;
  line.failure = error.message();
  line.retry_at = loop_.now() + kRetryTime;
}

std::uint64_t Templates::cost(const Line& line) {
  return line.cost != 0 ? line.cost : kUnknownCost;
}

std::uint64_t Templates::memory_in_use(const Line& line) {
  std::uint64_t waiting = (line.waiting.size() + (line.is_forking ? 1 : 0)) * kForkCost;
  return waiting + (line.process != nullptr || line.is_starting ? cost(line) : 0);
}

std::uint64_t Templates::memory_in_use() const {
  std::uint64_t total = 0;
  for (const auto& [revision, line] : lines_) total += memory_in_use(line);
  return total;
}

Templates::Counts Templates::counts() const {
  Counts counts;
  for (const auto& [revision, line] : lines_) {
    if (line.process != nullptr) ++counts.templates;
    counts.waiting += line.waiting.size();
    if (!line.refusal.empty()) ++counts.refused;
  }
  counts.taken = taken_;
  counts.made = made_;
  counts.lost = lost_;
  counts.memory_bytes = memory_in_use();
  return counts;
}

std::size_t Templates::target(const Line& line) const {
  if (line.process == nullptr || !is_recent(line) || line.retry_at > loop_.now()) return 0;
  return demand(line) >= kMuchDemand ? kMostWaiting : 1;
}

void Templates::drop_waiting(Line& line, std::size_t kept) {
  while (line.waiting.size() > kept) {
    end(std::move(line.waiting.back()));
    line.waiting.pop_back();
  }
}

void Templates::drop_template(Line& line) {
  drop_waiting(line, 0);
  if (line.process != nullptr) end(std::exchange(line.process, nullptr));
}

// Ends what has broken or is no longer wanted.
void Templates::trim() {
  auto now = loop_.now();
  for (auto& [revision, line] : lines_) {
    bool is_idle = now - line.wanted_at > kIdleTime;
    if (line.is_retired || is_idle || !line.refusal.empty() || line.faults >= kMostFaults) {
      drop_template(line);
      line.faults = 0;
    }
    if (line.process != nullptr && line.process->is_broken) {
      ++lost_;
      log::warn("template lost", {{"function", line.plan->version->function}});
      drop_template(line);
    }
    for (auto& fork : line.waiting) {
      if (!fork->is_broken) continue;
      ++lost_;
      end(std::exchange(fork, nullptr));
    }
    std::erase(line.waiting, nullptr);
    if (!is_recent(line)) drop_waiting(line, 0);
  }
  std::erase_if(lines_, [&](const auto& entry) {
    const auto& line = entry.second;
    bool is_idle = now - line.wanted_at > kIdleTime;
    bool is_over = line.is_retired || (is_idle && line.refusal.empty());
    return is_over && !line.is_starting && !line.is_forking && line.demanded == 0;
  });
}

// Within the budget, if need be in the place of templates that nobody has wanted of late.
bool Templates::make_room(const Line& wanted, std::uint64_t bytes) {
  while (memory_in_use() + bytes > options_.memory_budget) {
    Line* oldest = nullptr;
    for (auto& [revision, line] : lines_) {
      if (&line == &wanted || line.process == nullptr || is_recent(line)) continue;
      if (oldest == nullptr || line.wanted_at < oldest->wanted_at) oldest = &line;
    }
    if (oldest == nullptr) return false;
    drop_template(*oldest);
  }
  return true;
}

void Templates::start_templates() {
  if (!off_reason_.empty()) return;
  auto starting = static_cast<std::size_t>(
      std::ranges::count_if(lines_, [](const auto& entry) { return entry.second.is_starting; }));
  for (auto& [revision, line] : lines_) {
    if (starting >= kMostStarting) return;
    bool is_lacking = line.plan != nullptr && line.process == nullptr && !line.is_starting && line.refusal.empty() &&
                      !line.is_retired && line.retry_at <= loop_.now() && is_recent(line);
    if (!is_lacking) continue;
    if (!make_room(line, cost(line))) {
      line.failure = "the memory for templates, " + in_megabytes(options_.memory_budget) + ", is in use";
      continue;
    }
    line.is_starting = true;
    ++starting;
    tasks_.add(start(revision));
  }
}

bool Templates::fork_ahead_of_need() {
  bool is_deferred = false;
  for (auto& [revision, line] : lines_) {
    if (line.is_forking || line.is_retired || line.waiting.size() >= target(line)) continue;
    if (line.demanded > 0 || loop_.now() - line.wanted_at < kRefillPause) {
      is_deferred = true;
      continue;
    }
    if (!make_room(line, kForkCost)) continue;
    line.is_forking = true;
    tasks_.add(fork_ahead(revision));
  }
  return is_deferred;
}

// Its break is something to look at.
Templates::Process Templates::own(Process process) {
  process->on_break = [this] { changed_.set(); };
  return process;
}

io::Task<void> Templates::start(std::string revision) {
  auto plan = lines_.at(revision).plan;
  auto started = co_await maker_.start(std::move(plan));
  // A line stays while it starts something.
  auto& line = lines_.at(revision);
  line.is_starting = false;
  changed_.set();
  if (started) {
    line.process = own(std::move(*started));
    line.cost = line.process->memory_bytes;
    line.failure.clear();
    line.faults = 0;
    if (stopping_) drop_template(line);
    if (stopping_ || make_room(line, 0)) co_return;
    drop_template(line);
    line.failure = "its template takes " + in_megabytes(line.cost) + ", and all have " +
                   in_megabytes(options_.memory_budget) + " together";
    line.retry_at = loop_.now() + kRetryTime;
    co_return;
  }
  const auto& error = started.error();
  if (error.code() == ErrorCode::Unimplemented) {
    off_reason_ = error.message();
    log::warn("functions are not forked on this machine", {{"why", off_reason_}});
  } else if (error.code() == ErrorCode::PreconditionFailed) {
    count_fault(line, error);
  } else {
    log::warn("template not started", {{"function", line.plan->version->function}, {"error", error}});
    line.failure = "its template did not start (" + error.message() + ")";
    line.retry_at = loop_.now() + kRetryTime;
  }
}

io::Task<void> Templates::fork_ahead(std::string revision) {
  auto process = lines_.at(revision).process;
  auto plan = lines_.at(revision).plan;
  auto made = co_await maker_.fork(process, std::move(plan));
  auto& line = lines_.at(revision);
  line.is_forking = false;
  changed_.set();
  if (!made) {
    // A template that has ended meanwhile is no fault of the code.
    if (line.process == process && !process->is_broken) count_fault(line, made.error());
    co_return;
  }
  line.faults = 0;
  auto fork = own(std::move(*made));
  if (stopping_ || line.is_retired || line.process != process) {
    end(std::move(fork));
  } else {
    line.waiting.push_back(std::move(fork));
  }
}

io::Task<void> Templates::keep() {
  while (!stopping_) {
    changed_.reset();
    trim();
    start_templates();
    std::chrono::nanoseconds rest = fork_ahead_of_need() ? std::chrono::nanoseconds(kRefillPause) : kLookTime;
    auto changed = co_await changed_.wait(io::Deadline::in(loop_, rest));
    (void)changed;
  }
}

io::Task<void> Templates::stop() {
  stopping_ = true;
  changed_.set();
  maker_.cancel();
  for (auto& [revision, line] : lines_) drop_template(line);
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::runtime
