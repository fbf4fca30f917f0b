#include "virga/dispatch/pool.h"

#include <algorithm>

#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

using std::chrono::microseconds;

// How long a version whose instance died or hung under several calls gets them one at a time.
constexpr std::chrono::seconds kDistrust{60};

}  // namespace

Pool::Pool(Parts parts, catalog::VersionPointer version, std::shared_ptr<Admission::OfFunction> admitted)
    : parts_(parts),
      version_(std::move(version)),
      cells_(parts.figures.of(version_->function)),
      admitted_(std::move(admitted)),
      concurrency_(version_->config.concurrency),
      queue_timer_(parts.loop) {}

void Pool::submit(runtime::Call& call) {
  if (stopped_) {
    refuse(call, *stopped_);
    return;
  }
  queue_.push_back(&call);
  pump();
}

Lineup::Member* Pool::next_in_line() const {
  // Those that run several at a time share the calls evenly.
  if (concurrency_ > 1) return lineup_.idle() != nullptr ? lineup_.idle() : lineup_.least_busy();
  bool is_distrusted = parts_.loop.now() < no_prefetch_until_;
  if (!is_distrusted) {
    if (auto* busy = lineup_.fullest_below(burst_depth(run_time_))) return busy;
  }
  if (auto* idle = lineup_.idle()) return idle;
  auto* busy = is_distrusted ? nullptr : lineup_.least_busy();
  return busy != nullptr && busy->depth < prefetch_depth(run_time_) ? busy : nullptr;
}

Pool::Place* Pool::choose() {
  while (auto* next = next_in_line()) {
    auto& place = static_cast<Place&>(*next);
    if (place.instance->state() == runtime::AnyInstance::State::Ready) return &place;
    lineup_.remove(place);  // it began to end by itself
  }
  return nullptr;
}

void Pool::lend(Place& place, runtime::Call& call) {
  if (place.calls++ == 0) ++busy_;
  parts_.budget.lend(place, parts_.loop.now());
  line_up(place);
  place.instance->give(call);
}

void Pool::line_up(Place& place) {
  auto concurrency = place.instance->concurrency();
  bool has_room = place.calls == 0 || place.calls < concurrency || place.instance->can_prefetch();
  if (has_room && place.instance->state() == runtime::AnyInstance::State::Ready) {
    lineup_.put(place, lineup_depth(place.calls, concurrency));
  } else {
    lineup_.remove(place);
  }
}

void Pool::end(Place& place) {
  lineup_.remove(place);
  parts_.budget.leave(place);
  place.instance->kill();
}

void Pool::evict(Kept& kept) {
  auto& place = static_cast<Place&>(kept);
  place.pool.end(place);
}

void Pool::pump() {
  while (!queue_.empty()) {
    auto* place = choose();
    if (place == nullptr) break;
    auto* call = queue_.front();
    queue_.pop_front();
    lend(*place, *call);
  }
  while (!queue_.empty() && wants_another(demand())) {
    if (!start_one()) break;
  }
  if (!queue_.empty()) {
    watch_queue();
  } else if (retired_) {
    end_idle();
  }
}

Demand Pool::demand() const {
  Demand demand;
  demand.queued = queue_.size();
  demand.instances = places_.size();
  demand.starting = starting_;
  demand.concurrency = concurrency_;
  demand.oldest_wait = parts_.loop.now() - queue_.front()->arrived;
  demand.run_time = run_time_;
  demand.start_time = start_time_;
  return demand;
}

bool Pool::start_one() {
  auto made = std::make_unique<Place>(*this);
  auto& place = *made;
  place.memory = memory_.count != 0 ? memory_ : std::min(version_->config.memory, parts_.budget.typical_memory());
  if (!parts_.budget.admit(place, parts_.loop.now())) return false;
  places_.push_back(std::move(made));
  place.instance = parts_.maker.make(version_, place);
  ++starting_;
  parts_.lives.add(live(shared_from_this(), &place));
  return true;
}

io::Task<void> Pool::live(std::shared_ptr<Pool> pool, Place* place) {
  auto end = co_await place->instance->run();
  pool->ended(*place, std::move(end));
}

void Pool::ready(Place& place) {
  --starting_;
  concurrency_ = place.instance->concurrency();
  auto phases = place.instance->start_phases();
  start_time_.add(phases.of_start());
  place.start_cost = microseconds(static_cast<std::int64_t>(start_time_.microseconds()));
  parts_.budget.set_idle(place, parts_.loop.now());
  line_up(place);
  pump();
}

void Pool::finished(Place& place, runtime::Call& call) {
  auto run_time = call.outcome.phases.run;
  if (!call.outcome.is_cold() || is_telling(run_time)) run_time_.add(run_time);
  if (auto memory = place.instance->memory(); memory.count != 0) {
    parts_.budget.set_memory(place, memory);
    memory_ = memory;
  }
  if (--place.calls == 0) {
    --busy_;
    parts_.budget.set_idle(place, parts_.loop.now());
  }
  record(call);
  call.done.set();
  line_up(place);
  if (!queue_.empty() || retired_) pump();
}

void Pool::logged(std::string lines) {
  ledger::LogRecord log;
  log.time = parts_.loop.clock().wall();
  log.version = version_->number.text();
  log.text = std::move(lines);
  parts_.logs.append(version_->function, std::move(log));
}

void Pool::ended(Place& place, runtime::AnyInstance::End end) {
  if (!end.was_ready) --starting_;
  if (place.calls > 0) --busy_;
  lineup_.remove(place);
  parts_.budget.leave(place);
  std::erase_if(places_, [&place](const auto& owned) { return owned.get() == &place; });
  if (end.is_uncertain) no_prefetch_until_ = parts_.loop.clock().steady() + kDistrust;
  for (auto call = end.unstarted.rbegin(); call != end.unstarted.rend(); ++call) {
    if (stopped_) {
      refuse(**call, *stopped_);
      continue;
    }
    parts_.figures.count_retry();
    queue_.push_front(*call);
  }
  if (end.refusal) {
    log::error("instance not started", {{"function", version_->function}, {"error", *end.refusal}});
  }
  if (end.failure || end.refusal) {
    bool others_serve = std::any_of(places_.begin(), places_.end(), [](const auto& other) {
      return other->instance->state() == runtime::AnyInstance::State::Ready;
    });
    if (!others_serve) answer_waiting(end);
  }
  pump();
}

// Whoever waits for a start learns why it failed; the next call tries again.
void Pool::answer_waiting(const runtime::AnyInstance::End& end) {
  bool is_first = true;
  for (auto* call : std::exchange(queue_, {})) {
    if (end.refusal) {
      refuse(*call, Error(ErrorCode::Unavailable, end.refusal->message()));
      continue;
    }
    auto outcome = *end.failure;
    if (!is_first) outcome.phases = {};  // one start is shown once
    is_first = false;
    complete(*call, std::move(outcome));
  }
}

void Pool::complete(runtime::Call& call, model::Outcome outcome) {
  auto now = parts_.loop.clock().steady();
  auto begun = outcome.phases.of_start();
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
  if (outcome.is_cold()) log.report.init_duration = outcome.phases.of_start();
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
  queue_timer_.start(io::Deadline::in(parts_.loop, kPatience), [this] { look_at_queue(); });
}

void Pool::look_at_queue() {
  auto now = parts_.loop.clock().steady();
  while (!queue_.empty() && queue_.front()->arrived + parts_.max_queue_wait <= now) {
    auto* call = queue_.front();
    queue_.pop_front();
    refuse(*call, Error(ErrorCode::Unavailable, "no instance of '" + version_->function.text() + "' was free within " +
                                                    std::to_string(parts_.max_queue_wait.count()) + " ms"));
  }
  // A call that runs for long has no outcome yet to learn from: its age so far counts.
  learn_from_running(now);
  if (!queue_.empty()) pump();
}

void Pool::learn_from_running(SteadyTime now) {
  for (const auto& place : places_) {
    auto age = std::chrono::duration_cast<microseconds>(place->instance->head_age(now));
    if (age > kPatience && static_cast<double>(age.count()) > run_time_.microseconds()) run_time_.add(age);
  }
}

void Pool::retire() {
  retired_ = true;
  end_idle();
}

void Pool::stop(const Error& why) {
  stopped_ = why;
  for (auto* call : std::exchange(queue_, {})) refuse(*call, why);
  for (auto& place : places_) end(*place);
}

void Pool::end_idle() {
  while (auto* idle = lineup_.idle()) end(static_cast<Place&>(*idle));
}

}  // namespace virga::dispatch
