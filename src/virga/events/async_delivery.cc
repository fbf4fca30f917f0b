// How asynchronous calls are run: the other half of AsyncCalls.

#include <utility>

#include "virga/events/internal/async_state.h"
#include "virga/events/internal/destination.h"
#include "virga/telemetry/log.h"

namespace virga::events {
namespace {

using internal::Lanes;
using std::chrono::microseconds;

constexpr std::chrono::seconds kCommitRest{1};  // after a commit that failed, before the next try

constexpr std::chrono::milliseconds kWaitedFor{200};  // since the last call that somebody waited for
constexpr std::size_t kStartsBesideOthers = 1;        // of a round of the loop, while somebody waits
constexpr std::size_t kStarts = 64;                   // of a round, else

}  // namespace

// One call on its way through one attempt.
struct AsyncCalls::State::Run {
  Lanes::Ticket ticket;
  std::shared_ptr<const AcceptedCall> call;
  History history;
  Rules rules;
  bool is_undelivered = false;                  // its sender does not want it run any more
  microseconds queue{};                         // how long it waited for an instance
  std::vector<std::function<void()>> arrivals;  // to be called once all is on the disk
};

void AsyncCalls::State::pump_soon() {
  if (pump_is_due) return;
  pump_is_due = true;
  parts.loop.at_end_of_round([this] {
    pump_is_due = false;
    pump();
  });
}

void AsyncCalls::State::post(std::function<void()> work) {
  parts.loop.post([there = std::weak_ptr(presence), work = std::move(work)] {
    if (there.lock()) work();
  });
}

// Where nobody waits for an answer, calls begin as fast as they go. Beside those who do they begin at a pace, one in a
// round of the loop: however many of them wait, an answer is delayed by that one.
void AsyncCalls::State::pump() {
  if (!is_serving) return;
  auto now = parts.loop.now();
  auto waited_for = parts.invoker.last_waited_for();
  bool others_wait = waited_for && now - *waited_for < kWaitedFor;
  if (!others_wait) pace.forget();
  auto left = others_wait ? std::min<std::size_t>(kStartsBesideOthers, pace.left(now)) : kStarts;
  bool may_have_more = true;
  for (; left > 0 && may_have_more; --left) {
    auto ticket = lanes.next(now);
    may_have_more = ticket.has_value();
    if (!ticket) break;
    if (others_wait) pace.begin(now);
    tasks.add(deliver(std::move(*ticket)));
  }
  bool is_paced = may_have_more && others_wait && pace.left(now) == 0;
  if (may_have_more && !is_paced && !std::exchange(pump_is_posted, true)) {
    // The rest has its turn after what else has come.
    post([this] {
      pump_is_posted = false;
      pump();
    });
  }
  auto change = lanes.next_change();
  if (is_paced) change = std::min(change, pace.next());
  if (change == SteadyTime::max()) {
    next_change.cancel();
  } else {
    next_change.start(io::Deadline::at(change), [this] { pump(); });
  }
}

io::Task<void> AsyncCalls::State::deliver(Lanes::Ticket ticket) {
  Run run;
  run.ticket = std::move(ticket);
  const auto& id = run.ticket.entry.id;
  auto read = co_await prepare(run);
  if (!read) {
    // Not to be run, and not to be lost: it stays where it is, for somebody to look at.
    log::error("an asynchronous call cannot be read",
               {{"id", internal::uuid_of(id)}, {"error", read.error().message()}});
    lanes.finish(run.ticket, {});
    co_return;
  }
  running.emplace(id, parts.loop.clock().wall());
  bool has_ended = co_await attempt(run);
  bool is_recorded = has_ended && co_await record(run);
  running.erase(id);
  if (is_recorded) {
    settle(run);
  } else {
    lanes.refuse(std::move(run.ticket), parts.loop.now());
  }
  pump_soon();
}

io::Task<Result<>> AsyncCalls::State::prepare(Run& run) {
  const auto& entry = run.ticket.entry;
  run.call = entry.call;
  if (!run.call) {
    VIRGA_CO_TRY_ASSIGN(auto bytes, co_await parts.store.get(internal::key_of(internal::kCalls, entry.id)));
    if (!bytes) co_return fail(ErrorCode::DataLoss, "its record is missing");
    VIRGA_CO_TRY_ASSIGN(auto call, AcceptedCall::decode(*bytes));
    run.call = std::make_shared<const AcceptedCall>(std::move(call));
  }
  if (!entry.has_history) co_return Result<>();
  VIRGA_CO_TRY_ASSIGN(auto bytes, co_await parts.store.get(internal::key_of(internal::kHistories, entry.id)));
  if (!bytes) co_return Result<>();
  VIRGA_CO_TRY_ASSIGN(run.history, History::decode(*bytes));
  co_return Result<>();
}

// Runs the call once and says in its history what came of it. False: it could not run now.
io::Task<bool> AsyncCalls::State::attempt(Run& run) {
  const auto& call = *run.call;
  auto now = parts.loop.clock().wall();
  auto resolved = parts.catalog.resolve(call.function, call.qualifier, parts.random.fraction());
  if (!resolved && resolved.error().code() == ErrorCode::NotFound) {
    end(run, Condition::FunctionGone, "the function, or the version or alias that was called, is gone");
    co_return true;
  }
  if (!resolved) co_return false;
  run.rules = rules_of(*resolved->function, call.qualifier);
  if (call.retries) run.rules.retries = *call.retries;
  WallTime accepted{std::chrono::milliseconds(run.ticket.entry.accepted_ms)};
  bool is_begun = !run.history.attempts.empty();
  if (call.max_age.count() > 0 && !is_begun && now - accepted > call.max_age) {
    run.is_undelivered = true;
    end(run, Condition::EventAgeExceeded,
        "it could not run within the " + std::to_string(call.max_age.count()) + " s that " + call.sender + " allows");
    co_return true;
  }
  if (now - accepted > run.rules.max_age) {
    end(run, Condition::EventAgeExceeded,
        "it could not run within the " + std::to_string(run.rules.max_age.count()) + " s that its function allows");
    co_return true;
  }
  if (!run.ticket.entry.has_history) figures.wait.observe(now - accepted);
  auto invocation = call.invocation;
  invocation.log_tail = model::LogTail::Wanted;
  auto version = resolved->version->number.text();
  auto outcome = co_await parts.invoker.invoke(std::move(*resolved), std::move(invocation));
  if (!outcome) {
    figures.refused.add();
    co_return false;
  }
  // At a stop instances are ended, and the calls in them with them: that is no fault of theirs.
  if (stop_asked.is_set() && outcome->fault != model::Fault::None) co_return false;
  take_outcome(run, now, std::move(version), std::move(*outcome));
  co_return true;
}

void AsyncCalls::State::take_outcome(Run& run, WallTime begin, std::string version, model::Outcome outcome) {
  auto& history = run.history;
  auto now = parts.loop.clock().wall();
  bool is_good = outcome.fault == model::Fault::None;
  run.queue = outcome.phases.queue;
  (is_good ? figures.good : figures.bad)->add();
  history.attempts.push_back({begin, now, outcome.fault, std::move(version),
                              is_good ? std::string() : std::move(outcome.payload), std::move(outcome.log_tail)});
  ++history.spent;
  if (is_good) {
    history.result = std::move(outcome.payload);
    return end(run, Condition::Success, "");
  }
  if (history.spent > run.rules.retries) {
    return end(run, Condition::RetriesExhausted, "it failed " + std::to_string(history.spent) + " times");
  }
  history.state = CallState::Waiting;
  history.due = now + run.rules.delay_after(history.spent);
}

void AsyncCalls::State::end(Run& run, Condition condition, std::string reason) {
  auto& history = run.history;
  history.state = condition == Condition::Success ? CallState::Succeeded : CallState::Failed;
  history.condition = condition;
  history.reason = std::move(reason);
  history.ended = parts.loop.clock().wall();
}

// Writes what came of it, with all that follows from it, until the disk takes it. False: Virga stops before.
io::Task<bool> AsyncCalls::State::record(Run& run) {
  while (true) {
    auto history = run.history;
    auto written = co_await parts.store.commit(make_record(run));
    if (written) co_return true;
    log::error("what came of an asynchronous call cannot be written, and is tried again",
               {{"id", run.call->invocation.id.text()}, {"error", written.error().message()}});
    run.history = std::move(history);
    auto stopped = co_await stop_asked.wait(io::Deadline::in(parts.loop, kCommitRest));
    if (stopped) co_return false;
  }
}

store::Batch AsyncCalls::State::make_record(Run& run) {
  const auto& id = run.ticket.entry.id;
  auto& history = run.history;
  store::Batch batch;
  run.arrivals.clear();
  auto waiting_key = internal::key_of(internal::kWaiting, id);
  auto history_key = internal::key_of(internal::kHistories, id);
  if (history.state == CallState::Waiting) {
    WallTime accepted{std::chrono::milliseconds(run.ticket.entry.accepted_ms)};
    internal::Waiting waiting{Lanes::name(*run.ticket.lane), accepted, history.due, history.spent, true};
    batch.put(waiting_key, waiting.encode());
    batch.put(history_key, history.encode());
    return batch;
  }
  bool is_good = history.state == CallState::Succeeded;
  const auto& destination = is_good ? run.rules.on_success : run.rules.on_failure;
  if (!destination.empty() && !run.is_undelivered)
    hand_over(run, destination, internal::destination_record(*run.call, history), batch);
  if (!is_good && !run.rules.dead_letters.empty() && !run.is_undelivered) {
    hand_over(run, run.rules.dead_letters, internal::dead_letter(*run.call, history), batch);
  }
  // To its sender it was never handed over; to its function nothing has happened.
  if (run.is_undelivered && !run.call->undelivered_to.empty()) {
    hand_over(run, run.call->undelivered_to, internal::undelivered(*run.call, history), batch);
  }
  std::vector<std::string> forgotten = {internal::key_of(internal::kCalls, id), history_key};
  if (!run.call->idempotency_key.empty()) {
    forgotten.push_back(internal::repeat_key(run.call->function, run.call->idempotency_key));
  }
  if (!is_good) {
    forgotten.push_back(internal::failed_key(run.call->function, id));
    batch.put(forgotten.back(), "");
  }
  batch.remove(waiting_key);
  batch.put(history_key, history.encode());
  auto forget_at = history.ended + (is_good ? options.keep_succeeded : options.keep_failed);
  batch.put(internal::expiry_key(forget_at, id), internal::encode_keys(forgotten));
  return batch;
}

void AsyncCalls::State::hand_over(Run& run, const std::string& arn, Parcel parcel, store::Batch& batch) {
  auto arrival = parts.targets.send(arn, std::move(parcel), batch);
  if (arrival) {
    run.arrivals.push_back(std::move(*arrival));
    run.history.handed_to += arn + '\n';
    return;
  }
  figures.lost_targets.add();
  auto problem = "its record could not be sent to " + arn + ": " + arrival.error().message();
  log::warn("a destination takes nothing", {{"id", run.call->invocation.id.text()}, {"problem", problem}});
  run.history.reason += (run.history.reason.empty() ? "" : "; ") + problem;
}

void AsyncCalls::State::settle(Run& run) {
  for (auto& arrived : run.arrivals) arrived();
  auto& ticket = run.ticket;
  if (ticket.entry.call) cached -= internal::memory_of(*ticket.entry.call);
  if (run.history.state == CallState::Waiting) {
    ticket.entry.call = nullptr;
    ticket.entry.spent = run.history.spent;
    ticket.entry.has_history = true;
    auto due = parts.loop.now() + run.rules.delay_after(run.history.spent);
    lanes.retry(std::move(ticket), run.queue, due);
    return;
  }
  figures.by_condition[static_cast<std::size_t>(run.history.condition)]->add();
  if (run.history.condition != Condition::Success) {
    log::warn("an asynchronous call has failed", {{"function", run.call->function.text()},
                                                  {"id", run.call->invocation.id.text()},
                                                  {"reason", run.history.reason}});
  }
  if (auto found = awaited.find(ticket.entry.id); found != awaited.end()) {
    for (const auto& event : found->second) event->set();
  }
  lanes.finish(ticket, run.queue);
}

}  // namespace virga::events
