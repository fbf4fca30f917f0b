#include "virga/dispatch/pool.h"

#include <algorithm>

#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// An instance is given more calls than it can run at once only as long as they take less than this together: one that
// hangs must not hold many others.
constexpr double kPrefetchMicroseconds = 500;
constexpr std::size_t kMaxPrefetch = 32;
// A first call longer than this is long because of what it does.
constexpr double kColdRunMicroseconds = 20000;
// To wake a process costs more than calls as short as this: they go along with one that is busy.
constexpr double kBurstMicroseconds = 60;
// How long a call waits before another instance is thought of, if one is there already: queues of short calls come and
// go within a round of the loop.
constexpr milliseconds kPatience{10};
// How long a version whose instance died or hung under several calls gets them one at a time.
constexpr std::chrono::seconds kDistrust{60};
// Starts under way at once: more of them on a few cores only make each one slower.
constexpr std::uint32_t kMaxStarting = 4;

void mean_in(double& mean, double value) {
  mean = mean == 0 ? value : mean + (value - mean) / 16;
}

}  // namespace

Pool::Pool(Parts parts, catalog::VersionPointer version, std::function<runtime::InstancePlan()> plan)
    : parts_(parts),
      version_(std::move(version)),
      plan_(std::move(plan)),
      cells_(parts.figures.of(version_->function)),
      queue_timer_(parts.loop) {}

void Pool::submit(runtime::Call& call) {
  queue_.push_back(&call);
  pump();
}

runtime::Instance* Pool::choose() const {
  runtime::Instance* burst = nullptr;  // busy, and would take this one along at hardly any wait
  runtime::Instance* idle = nullptr;
  runtime::Instance* least = nullptr;
  bool distrusted = parts_.loop.now() < no_prefetch_until_;
  auto fits = [this, distrusted](double microseconds) {
    return run_time_ == 0 || distrusted ? 0
                                        : std::min(static_cast<std::size_t>(microseconds / run_time_), kMaxPrefetch);
  };
  auto burst_depth = fits(kBurstMicroseconds);
  for (const auto& owned : instances_) {
    auto& instance = *owned;
    if (instance.state() != runtime::Instance::State::Ready) continue;
    if (instance.in_flight() == 0) {
      // The first ones do the work, so that the others grow old and are ended.
      if (idle == nullptr) idle = &instance;
      continue;
    }
    if (!instance.can_prefetch()) continue;
    if (burst == nullptr && instance.in_flight() < burst_depth) burst = &instance;
    if (least == nullptr || instance.in_flight() < least->in_flight()) least = &instance;
  }
  if (burst != nullptr) return burst;
  if (idle != nullptr) return idle;
  return least != nullptr && least->in_flight() < fits(kPrefetchMicroseconds) ? least : nullptr;
}

void Pool::pump() {
  while (!queue_.empty()) {
    auto* instance = choose();
    if (instance == nullptr) break;
    auto* call = queue_.front();
    queue_.pop_front();
    instance->give(*call);
  }
  while (wants_more()) {
    if (!parts_.budget.take_place()) break;
    start_one();
  }
  if (!queue_.empty()) watch_queue();
}

bool Pool::wants_more() const {
  if (queue_.empty() || starting_ >= kMaxStarting || starting_ >= queue_.size()) return false;
  auto serving = instances_.size();
  if (serving == starting_) return true;
  if (run_time_ == 0) return false;  // the first call still runs: watch_queue() looks again
  if (parts_.loop.now() - queue_.front()->arrived < kPatience) return false;
  // The last one in the queue waits this long without another instance; that must be longer than a start takes.
  double wait = static_cast<double>(queue_.size()) * run_time_ / static_cast<double>(serving);
  return wait > start_time_;
}

void Pool::start_one() {
  instances_.push_back(
      std::make_unique<runtime::Instance>(parts_.loop, parts_.sandboxes, plan_(), static_cast<InstanceOwner&>(*this)));
  ++starting_;
  parts_.lives.add(live(shared_from_this(), instances_.back().get()));
}

io::Task<void> Pool::live(std::shared_ptr<Pool> pool, runtime::Instance* instance) {
  auto end = co_await instance->run();
  pool->parts_.budget.give_place_back();
  pool->instance_ended(instance, std::move(end));
}

void Pool::instance_ready(runtime::Instance& instance) {
  --starting_;
  auto phases = instance.start_phases();
  mean_in(start_time_, static_cast<double>((phases.start + phases.boot + phases.init).count()));
  pump();
  if (retired_ && instance.in_flight() == 0) instance.kill();
}

void Pool::instance_finished(runtime::Instance& instance, runtime::Call& call) {
  // The first call of an instance runs code that is not warm yet, and says little about the next ones.
  auto run_time = static_cast<double>(call.outcome.phases.run.count());
  if (!call.outcome.is_cold() || run_time > kColdRunMicroseconds) mean_in(run_time_, std::max<double>(1, run_time));
  record(call);
  call.done.set();
  if (!queue_.empty()) pump();
  if (retired_ && instance.in_flight() == 0) instance.kill();
}

void Pool::instance_logged(runtime::Instance&, std::string lines) {
  ledger::LogRecord log;
  log.time = parts_.loop.clock().wall();
  log.version = version_->number.text();
  log.text = std::move(lines);
  parts_.logs.append(version_->function, std::move(log));
}

void Pool::instance_ended(runtime::Instance* instance, runtime::Instance::End end) {
  if (!end.was_ready) --starting_;
  std::erase_if(instances_, [instance](const auto& owned) { return owned.get() == instance; });
  if (end.is_uncertain) no_prefetch_until_ = parts_.loop.clock().steady() + kDistrust;
  for (auto call = end.unstarted.rbegin(); call != end.unstarted.rend(); ++call) {
    parts_.figures.count_retry();
    queue_.push_front(*call);
  }
  if (end.refusal) {
    log::error("instance not started", {{"function", version_->function}, {"error", *end.refusal}});
  }
  if (end.failure || end.refusal) {
    // Whoever waits for a start learns why it failed; the next call tries again.
    bool others_serve = std::any_of(instances_.begin(), instances_.end(), [](const auto& other) {
      return other->state() == runtime::Instance::State::Ready;
    });
    if (!others_serve) {
      auto waiting = std::exchange(queue_, {});
      bool first = true;
      for (auto* call : waiting) {
        if (end.refusal) {
          refuse(*call, Error(ErrorCode::Unavailable, end.refusal->message()));
        } else {
          auto outcome = *end.failure;
          if (!first) outcome.phases = {};
          first = false;
          complete(*call, std::move(outcome));
        }
      }
    }
  }
  pump();
}

void Pool::complete(runtime::Call& call, model::Outcome outcome) {
  auto now = parts_.loop.clock().steady();
  auto begun = outcome.phases.start + outcome.phases.boot + outcome.phases.init;
  auto waited = std::chrono::duration_cast<microseconds>(now - call.arrived);
  outcome.phases.queue = std::max(waited - begun, microseconds(0));
  call.outcome = std::move(outcome);
  record(call);
  call.done.set();
}

void Pool::refuse(runtime::Call& call, Error error) {
  call.refusal = std::move(error);
  call.done.set();
}

void Pool::record(runtime::Call& call) {
  auto& outcome = call.outcome;
  parts_.figures.count(cells_, version_->function, outcome);
  ledger::LogRecord log;
  log.time = parts_.loop.clock().wall();
  log.id = std::move(call.invocation.id);  // nobody asks for it any more
  log.version = version_->number.text();
  log.text = std::move(call.log);
  log.report.duration = outcome.phases.run;
  if (outcome.is_cold()) log.report.init_duration = outcome.phases.start + outcome.phases.boot + outcome.phases.init;
  log.report.memory_size = version_->config.memory;
  log.report.max_memory_used = outcome.max_memory;
  if (outcome.fault == model::Fault::TimedOut) log.report.status = "timeout";
  if (outcome.fault != model::Fault::None && log.report.status.empty()) log.report.status = "error";
  if (call.invocation.log_tail == model::LogTail::Wanted) {
    constexpr std::size_t kTail = 4096;
    auto text = ledger::render(log);
    outcome.log_tail = text.size() > kTail ? text.substr(text.size() - kTail) : std::move(text);
  }
  parts_.logs.append(version_->function, std::move(log));
}

void Pool::watch_queue() {
  if (queue_timer_.running()) return;
  queue_timer_.start(io::Deadline::in(parts_.loop, kPatience), [this] {
    auto now = parts_.loop.clock().steady();
    while (!queue_.empty() && queue_.front()->arrived + parts_.max_queue_wait <= now) {
      auto* call = queue_.front();
      queue_.pop_front();
      refuse(*call,
             Error(ErrorCode::Unavailable, "no instance of '" + version_->function.text() + "' was free within " +
                                               std::to_string(parts_.max_queue_wait.count()) + " ms"));
    }
    // A call that runs for long has no outcome yet to learn from: its age so far counts.
    learn_from_running(now);
    if (!queue_.empty()) pump();
  });
}

void Pool::learn_from_running(SteadyTime now) {
  for (const auto& instance : instances_) {
    auto age = static_cast<double>(std::chrono::duration_cast<microseconds>(instance->head_age(now)).count());
    if (age > run_time_ && age > static_cast<double>(microseconds(kPatience).count())) mean_in(run_time_, age);
  }
}

void Pool::retire() {
  retired_ = true;
  end_idle(SteadyTime::max());
}

void Pool::stop(const Error& why) {
  retired_ = true;
  for (auto* call : std::exchange(queue_, {})) refuse(*call, why);
  for (auto& instance : instances_) instance->kill();
}

void Pool::end_idle(SteadyTime idle_before) {
  for (auto& instance : instances_) {
    bool is_idle = instance->state() == runtime::Instance::State::Ready && instance->in_flight() == 0;
    if (is_idle && instance->idle_since() < idle_before) instance->kill();
  }
}

runtime::Instance* Pool::longest_idle() const {
  runtime::Instance* oldest = nullptr;
  for (const auto& instance : instances_) {
    if (instance->state() != runtime::Instance::State::Ready || instance->in_flight() > 0) continue;
    if (oldest == nullptr || instance->idle_since() < oldest->idle_since()) oldest = instance.get();
  }
  return oldest;
}

std::uint32_t Pool::idle() const {
  return static_cast<std::uint32_t>(std::count_if(instances_.begin(), instances_.end(), [](const auto& instance) {
    return instance->state() == runtime::Instance::State::Ready && instance->in_flight() == 0;
  }));
}

std::uint32_t Pool::busy() const {
  return static_cast<std::uint32_t>(std::count_if(instances_.begin(), instances_.end(), [](const auto& instance) {
    return instance->state() != runtime::Instance::State::Starting && instance->in_flight() > 0;
  }));
}

}  // namespace virga::dispatch
