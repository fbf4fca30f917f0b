#include "virga/dispatch/pool.h"

#include <algorithm>
#include <utility>

#include "virga/dispatch/refusals.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

using std::chrono::microseconds;

// How long a version whose instance died or hung under several calls gets them one at a time.
constexpr std::chrono::seconds kDistrust{60};
// Between two tries to start an instance for which there is no room.
constexpr std::chrono::milliseconds kNoRoomPause{10};
// What ran a call within this time is in use: a pool that has more does not take its room when it idles for a moment.
constexpr std::chrono::seconds kRecently{10};
// How long an Event invocation may be expected to wait here: it waits better where nobody else does.
constexpr std::chrono::milliseconds kMaxEventWait{1000};

// The instance was started ahead: its first call did not wait for that.
void be_warm(model::Outcome& outcome) {
  model::Phases phases;
  phases.queue = outcome.phases.queue;
  phases.run = outcome.phases.run;
  outcome.phases = phases;
  outcome.start_kind = model::StartKind::Warm;
  outcome.cold_reason.clear();
  outcome.no_fork_reason.clear();
}

}  // namespace

Pool::Pool(Parts parts, catalog::VersionPointer version, std::shared_ptr<Admission::OfFunction> admitted)
    : parts_(parts),
      version_(std::move(version)),
      cells_(parts.figures.of(version_->function)),
      admitted_(std::move(admitted)),
      concurrency_(version_->config.concurrency),
      taken_over_(parts.loop),
      started_(parts.loop),
      queue_timer_(parts.loop) {
  taken_over_.set();
}

void Pool::submit(runtime::Call& call) {
  if (stopped_) {
    refuse(call, *stopped_);
    return;
  }
  if (auto why = too_long(call)) {
    refuse(call, std::move(*why));
    return;
  }
  queue_.push_back(&call);
  call.is_fresh = true;
  pump();
  call.is_fresh = false;
}

std::optional<Error> Pool::too_long(const runtime::Call& call) const {
  if (!is_full_ || queue_.empty() || starting_ > 0 || !run_time_.is_known()) return std::nullopt;
  auto wait = expected_wait(demand());
  bool is_event = call.invocation.kind == model::InvocationKind::Event;
  auto most = is_event ? std::min(kMaxEventWait, parts_.max_queue_wait) : parts_.max_queue_wait;
  if (wait <= most) return std::nullopt;
  parts_.figures.count(is_event ? Figures::Shed::Event : Figures::Shed::Wait);
  return refusal(
      ErrorCode::Unavailable, kQueueTooLong,
      std::to_string(queue_.size()) + " calls of '" + version_->function.text() + "' wait for its " +
          std::to_string(places_.size()) + " instances, and memory for more is short: this one would wait " +
          std::to_string(std::chrono::ceil<std::chrono::seconds>(wait).count()) + " s, allowed are " +
          std::to_string(most.count()) +
          " ms; raise the memory with: virga serve --memory-budget SIZE, or the wait with --queue-wait SECONDS",
      wait - most);
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
  parts_.freezer.set_busy(place);
  line_up(place);
  place.instance->give(call);
}

void Pool::line_up(Place& place) {
  auto concurrency = place.instance->concurrency();
  bool has_room = place.calls == 0 || place.calls < concurrency || place.instance->can_prefetch();
  bool takes_calls = !place.is_leaving && place.instance->state() == runtime::AnyInstance::State::Ready;
  if (takes_calls && has_room) {
    lineup_.put(place, lineup_depth(place.calls, concurrency));
  } else {
    lineup_.remove(place);
  }
}

void Pool::end(Place& place) {
  lineup_.remove(place);
  parts_.budget.leave(place);
  parts_.freezer.set_busy(place);
  place.instance->kill();
}

void Pool::evict(Kept& kept) {
  auto& place = static_cast<Place&>(kept);
  place.pool.end(place);
}

bool Pool::freeze(Freezer::Member& member) {
  auto& instance = *static_cast<Place&>(member).instance;
  return instance.state() == runtime::AnyInstance::State::Ready && instance.freeze();
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
    if (!make_room_and_start()) break;
  }
  if (!queue_.empty()) {
    watch_queue();
    return;
  }
  is_full_ = false;
  trim();
}

bool Pool::make_room_and_start() {
  if (is_full_ && parts_.loop.now() < next_try_) return false;
  if (start_one(Reach::Fair)) return true;
  is_full_ = true;
  next_try_ = parts_.loop.now() + kNoRoomPause;
  if (parts_.ask_others && parts_.ask_others(*this)) return false;
  // Nobody has more than it needs to give: whoever has none comes before whoever has nothing to do.
  return places_.empty() && start_one(Reach::All);
}

bool Pool::may_take(const Kept& victim, const Kept& asking, SteadyTime now) {
  if (now - victim.since >= kRecently) return true;
  return static_cast<const Place&>(victim).pool.held().count > static_cast<const Place&>(asking).pool.held().count;
}

model::Bytes Pool::one() const {
  return memory_.count != 0 ? memory_ : std::min(version_->config.memory, parts_.budget.typical_memory());
}

model::Bytes Pool::held() const {
  return {(places_.size() - leaving_) * one().count};
}

bool Pool::yield_to(const std::shared_ptr<Pool>& heir) {
  // The one with the fewest calls to do and, among those, whose call runs for longest.
  Place* chosen = nullptr;
  auto now = parts_.loop.now();
  for (auto& place : places_) {
    if (place->is_leaving || place->is_pinned) continue;
    if (place->instance->state() != runtime::AnyInstance::State::Ready) continue;
    bool is_better =
        chosen == nullptr || place->calls < chosen->calls ||
        (place->calls == chosen->calls && place->instance->head_age(now) > chosen->instance->head_age(now));
    if (is_better) chosen = place.get();
  }
  if (chosen == nullptr) return false;
  chosen->is_leaving = true;
  ++leaving_;
  chosen->heir = heir;
  lineup_.remove(*chosen);
  if (chosen->calls == 0) leave(*chosen);
  return true;
}

void Pool::inherit() {
  next_try_ = {};
  pump();
}

bool Pool::leave(Place& place) {
  if (!place.is_leaving || place.calls > 0) return false;
  auto heir = std::exchange(place.heir, {}).lock();
  parts_.figures.count(Figures::Eviction::Share);
  end(place);
  // Before this pool, which would take the room again.
  if (heir) heir->inherit();
  return true;
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
  if (auto fork_time = parts_.maker.fork_time(*version_)) {
    demand.patience = {};
    demand.start_time = MeanTime();
    demand.start_time.add(*fork_time);
  }
  return demand;
}

bool Pool::start_one(Reach reach) {
  auto made = std::make_unique<Place>(*this);
  auto& place = *made;
  place.memory = one();
  auto may_take = reach == Reach::All ? nullptr : reach == Reach::Fair ? &Pool::may_take : &Pool::may_take_none;
  if (!parts_.budget.admit(place, parts_.loop.now(), may_take)) return false;
  places_.push_back(std::move(made));
  place.instance = parts_.maker.make(version_, place);
  ++starting_;
  is_full_ = false;
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
  place.ready_at = parts_.loop.clock().steady();
  auto phases = place.instance->start_phases();
  start_time_.add(phases.of_start());
  place.start_cost = microseconds(static_cast<std::int64_t>(start_time_.microseconds()));
  set_idle(place);
  line_up(place);
  stop_waiting_for_start();
  if (place.is_pinned) pin_failure_.clear();
  settle_pins();
  pump();
}

void Pool::set_idle(Place& place) {
  if (!place.is_pinned) parts_.budget.set_idle(place, parts_.loop.now());
  parts_.freezer.set_idle(place);
}

void Pool::finished(Place& place, runtime::Call& call) {
  auto run_time = call.outcome.phases.run;
  bool is_first = call.outcome.is_cold();
  if (is_first && call.arrived > place.ready_at) be_warm(call.outcome);
  if (!is_first || is_telling(run_time)) run_time_.add(run_time);
  if (auto memory = place.instance->memory(); memory.count != 0) {
    parts_.budget.set_memory(place, memory);
    memory_ = memory;
  }
  if (--place.calls == 0) {
    --busy_;
    set_idle(place);
  }
  record(call);
  call.done.set();
  if (!leave(place)) line_up(place);
  if (!queue_.empty() || duty_ != Duty::Serving) pump();
}

void Pool::logged(std::string lines) {
  ledger::LogRecord log;
  log.time = parts_.loop.wall();
  log.version = version_->number;
  log.text = std::move(lines);
  parts_.logs.append(version_->function, std::move(log));
}

void Pool::ended(Place& place, runtime::AnyInstance::End end) {
  if (!end.was_ready) --starting_;
  if (place.calls > 0) --busy_;
  lineup_.remove(place);
  parts_.budget.leave(place);
  parts_.freezer.set_busy(place);
  auto heir = place.heir.lock();
  if (place.is_leaving) --leaving_;
  if (place.is_pinned && !end.was_ready) {
    pin_failure_ = end.refusal ? end.refusal->message() : end.failure ? end.failure->payload : "its instance ended";
    pins_rest_ = true;
  }
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
    if (!has_ready()) answer_waiting(end);
  }
  if (!end.was_ready && starting_ == 0) stop_waiting_for_start();
  if (heir) heir->inherit();
  settle_pins();
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
  log.time = parts_.loop.wall();
  log.id = std::move(call.invocation.id);  // nobody asks for it any more
  log.version = version_->number;
  log.text = std::move(call.log);
  log.report.duration = outcome.phases.run;
  if (outcome.is_cold()) log.report.init_duration = outcome.phases.of_start();
  log.report.memory_size = version_->config.memory;
  log.report.max_memory_used = outcome.max_memory;
  if (outcome.fault == model::Fault::TimedOut) {
    log.report.status = ledger::ReportStatus::Timeout;
  } else if (outcome.fault != model::Fault::None) {
    log.report.status = ledger::ReportStatus::Error;
  }
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
    refuse(*call, refusal(ErrorCode::Unavailable, kQueueTooLong,
                          "no instance of '" + version_->function.text() + "' was free within " +
                              std::to_string(parts_.max_queue_wait.count()) +
                              " ms; let calls wait longer with: virga serve --queue-wait SECONDS",
                          microseconds(static_cast<std::int64_t>(run_time_.microseconds()))));
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

void Pool::set_duty(Duty duty) {
  if (duty != Duty::Serving && duty_ != duty) parts_.maker.retire(*version_);
  duty_ = duty;
  trim();
}

void Pool::trim() {
  if (duty_ == Duty::Serving) return;
  std::uint32_t kept = duty_ == Duty::Standby ? 1 : 0;
  while (lineup_.idle_count() > kept) end(static_cast<Place&>(*lineup_.idle()));
}

bool Pool::has_ready() const {
  return std::ranges::any_of(
      places_, [](const auto& place) { return place->instance->state() == runtime::AnyInstance::State::Ready; });
}

bool Pool::warm() {
  if (stopped_ || has_ready() || (starting_ == 0 && !start_one())) return false;
  started_.reset();
  return true;
}

void Pool::take_over(std::shared_ptr<Pool> old) {
  if (stopped_ || stand_in_ || has_ready()) return;
  // A call that came before may have started one already.
  if (starting_ == 0 && !start_one()) return;
  ++old->standing_in_for_;
  stand_in_ = std::move(old);
  taken_over_.reset();
}

void Pool::stop_waiting_for_start() {
  started_.set();
  if (!stand_in_) return;
  --stand_in_->standing_in_for_;
  stand_in_.reset();
  taken_over_.set();
}

void Pool::stop(const Error& why) {
  stopped_ = why;
  stop_waiting_for_start();
  for (auto* call : std::exchange(queue_, {})) refuse(*call, why);
  for (auto& place : places_) end(*place);
}

}  // namespace virga::dispatch
