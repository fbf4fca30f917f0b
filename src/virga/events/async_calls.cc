#include "virga/events/async_calls.h"

#include "virga/dispatch/refusals.h"
#include "virga/events/internal/async_state.h"
#include "virga/telemetry/log.h"

namespace virga::events {
namespace {

using internal::CallId;

constexpr std::size_t kPage = 2000;  // records that are read at a time
constexpr std::chrono::minutes kCleaningTime{1};

std::string lane_name(const AcceptedCall& call) {
  return call.function.text() + ':' + call.qualifier;
}

std::unexpected<Error> unknown(const model::RequestId& id) {
  return fail(ErrorCode::NotFound,
              "there is no asynchronous call '" + id.text() + "', or it ended so long ago that it is forgotten");
}

Error stopping() {
  return Error(ErrorCode::Unavailable, "Virga is stopping");
}

// What is written for a call that is to wait.
void put_waiting(store::Batch& batch, const CallId& id, const AcceptedCall& call, WallTime since, bool has_history) {
  internal::Waiting waiting{lane_name(call), since, since, 0, has_history};
  batch.put(internal::key_of(internal::kWaiting, id), waiting.encode());
}

}  // namespace

AsyncCalls::State::State(Parts p, Options o)
    : parts(p),
      options(o),
      figures(p.metrics),
      lanes(internal::Lanes::Options{}),
      tasks(p.loop),
      next_change(p.loop),
      cleaning(p.loop),
      stop_asked(p.loop) {}

AsyncCalls::AsyncCalls(Parts parts, Options options) : state_(std::make_unique<State>(parts, options)) {
  auto* state = state_.get();
  parts.metrics.gauge_from("virga_async_waiting", "Asynchronous calls that wait to be run.",
                           [state] { return static_cast<double>(state->lanes.waiting()); });
  parts.metrics.gauge_from("virga_async_running", "Asynchronous calls that run.",
                           [state] { return static_cast<double>(state->lanes.running()); });
}

AsyncCalls::~AsyncCalls() = default;

void AsyncCalls::serve() {
  state_->is_serving = true;
  state_->tasks.add(state_->load());
  state_->tasks.add(state_->forget_old());
  auto* state = state_.get();
  state->changes = state->parts.catalog.watch([state](const catalog::Change& change) {
    // Called on the thread of the mutation.
    state->post([state, name = change.name] {
      state->lanes.end_rests(name.text());
      state->pump();
    });
  });
  state_->pump();
}

void AsyncCalls::close() {
  state_->is_serving = false;
  state_->changes = catalog::Watch();
  state_->stop_asked.set();
  state_->next_change.cancel();
  state_->cleaning.cancel();
}

io::Task<void> AsyncCalls::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

// ---- Accepting.

void AsyncCalls::State::line_up(const CallId& id, std::shared_ptr<const AcceptedCall> call) {
  internal::Lanes::Entry entry;
  entry.id = id;
  entry.accepted_ms = unix_milliseconds(call->accepted);
  auto lane = lane_name(*call);
  auto size = internal::memory_of(*call);
  if (cached + size <= options.most_cached) {
    cached += size;
    entry.call = std::move(call);
  }
  if (is_loading) came_since.insert(id);
  figures.accepted.add();
  pace.come();
  lanes.add(lane, std::move(entry));
  pump_soon();
}

std::function<void()> AsyncCalls::add_to(store::Batch& batch, AcceptedCall call) {
  auto id = internal::parse_call_id(call.invocation.id.text());
  VIRGA_ASSERT(id);
  batch.put(internal::key_of(internal::kCalls, *id), call.encode());
  put_waiting(batch, *id, call, call.accepted, false);
  return [this, id = *id, shared = std::make_shared<const AcceptedCall>(std::move(call))]() mutable {
    state_->line_up(id, std::move(shared));
  };
}

io::Task<Result<model::RequestId>> AsyncCalls::accept(AcceptedCall call) {
  auto& state = *state_;
  if (state.stop_asked.is_set()) co_return std::unexpected(stopping());
  if (state.lanes.waiting() >= state.options.most_waiting) {
    co_return fail(dispatch::refusal(
        ErrorCode::ResourceExhausted, dispatch::kFunctionRate,
        std::to_string(state.options.most_waiting) + " asynchronous calls wait already, which is as many as are taken",
        std::chrono::seconds(10)));
  }
  auto id = call.invocation.id;
  if (call.idempotency_key.empty()) {
    store::Batch batch;
    auto accepted = add_to(batch, std::move(call));
    VIRGA_CO_TRY(co_await state.parts.store.commit(std::move(batch)));
    accepted();
    co_return id;
  }
  // Of several with the same key, one goes ahead, and the others look again when it is through.
  auto key = internal::repeat_key(call.function, call.idempotency_key);
  while (auto coming = state.keys_coming.contains(key) ? state.keys_coming.at(key) : nullptr) {
    auto came = co_await coming->wait();
    (void)came;
  }
  auto coming = state.keys_coming.emplace(key, std::make_shared<io::Event>(state.parts.loop)).first->second;
  auto done = co_await accept_first(std::move(call), key);
  state.keys_coming.erase(key);
  coming->set();
  co_return done;
}

io::Task<Result<model::RequestId>> AsyncCalls::accept_first(AcceptedCall call, const std::string& key) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto first, co_await state.parts.store.get(key));
  if (auto known = first ? internal::id_in(*first) : std::nullopt) {
    state.figures.repeats.add();
    co_return model::RequestId(internal::uuid_of(*known));
  }
  auto id = call.invocation.id;
  store::Batch batch;
  auto accepted = add_to(batch, std::move(call));
  batch.put(key, internal::key_of("", *internal::parse_call_id(id.text())));
  VIRGA_CO_TRY(co_await state.parts.store.commit(std::move(batch)));
  accepted();
  co_return id;
}

void AsyncCalls::prepare(const model::FunctionName& function, std::string_view qualifier) {
  auto& parts = state_->parts;
  if (state_->stop_asked.is_set()) return;
  // With an alias of two versions it is the likelier one more often than not.
  auto target = parts.catalog.resolve(function, qualifier, parts.random.fraction());
  if (target) parts.invoker.prepare(*target);
}

// ---- After a start.

io::Task<void> AsyncCalls::State::load() {
  std::uint64_t count = 0;
  std::string last;
  while (!stop_asked.is_set()) {
    store::Range range{std::string(internal::kWaiting), last, kPage, store::Order::Ascending};
    auto page = co_await parts.store.scan(range);
    if (!page) {
      log::error("the asynchronous calls of before cannot be read", {{"error", page.error().message()}});
      break;
    }
    auto wall = parts.loop.clock().wall();
    auto now = parts.loop.now();
    for (const auto& [key, value] : *page) {
      auto id = internal::id_in(key);
      auto waiting = internal::Waiting::decode(value);
      if (!id || !waiting) {
        log::error("the record of a waiting call is damaged; it is left where it is",
                   {{"key", key.substr(0, internal::kWaiting.size())}});
        continue;
      }
      if (came_since.contains(*id)) continue;
      internal::Lanes::Entry entry{*id, unix_milliseconds(waiting->accepted), waiting->spent, waiting->has_history, {}};
      if (waiting->due > wall) {
        lanes.add_later(waiting->lane, std::move(entry), now + (waiting->due - wall));
      } else {
        lanes.add(waiting->lane, std::move(entry));
      }
      ++count;
    }
    pump_soon();
    if (page->size() < kPage) break;
    last = page->back().key;
  }
  is_loading = false;
  came_since.clear();
  if (count > 0) log::info("asynchronous calls of before go on", {{"count", count}});
}

// ---- Asking.

io::Task<Result<AsyncCalls::Status>> AsyncCalls::status(model::RequestId id, io::Deadline deadline) {
  auto& state = *state_;
  auto key = internal::parse_call_id(id.text());
  if (!key) co_return unknown(id);
  VIRGA_CO_TRY_ASSIGN(auto accepted, co_await state.parts.store.get(internal::key_of(internal::kCalls, *key)));
  if (!accepted) co_return unknown(id);
  Status status;
  VIRGA_CO_TRY_ASSIGN(status.call, AcceptedCall::decode(*accepted));
  auto event = std::make_shared<io::Event>(state.parts.loop);
  // Before the look, so that an end between the look and the wait is not missed.
  state.awaited[*key].push_back(event);
  while (true) {
    auto history = co_await state.parts.store.get(internal::key_of(internal::kHistories, *key));
    if (!history) {
      state.forget_waiter(*key, event);
      co_return std::unexpected(history.error());
    }
    status.history = {};
    if (*history) {
      auto decoded = History::decode(**history);
      if (!decoded) {
        state.forget_waiter(*key, event);
        co_return std::unexpected(decoded.error());
      }
      status.history = std::move(*decoded);
    }
    bool has_ended = status.history.state == CallState::Succeeded || status.history.state == CallState::Failed;
    if (has_ended || deadline.time() <= state.parts.loop.now()) break;
    auto ended = co_await event->wait(deadline);
    if (!ended) break;
    event->reset();  // it may have been redriven since
  }
  state.forget_waiter(*key, event);
  if (status.history.state == CallState::Waiting && state.running.contains(*key)) {
    status.history.state = CallState::Running;
  }
  co_return status;
}

void AsyncCalls::State::forget_waiter(const CallId& id, const std::shared_ptr<io::Event>& event) {
  auto found = awaited.find(id);
  if (found == awaited.end()) return;
  std::erase(found->second, event);
  if (found->second.empty()) awaited.erase(found);
}

io::Task<Result<std::vector<model::RequestId>>> AsyncCalls::failed(model::FunctionName function, std::string after,
                                                                   std::size_t limit) {
  store::Range range{internal::failed_prefix(function), "", limit, store::Order::Ascending};
  if (auto id = internal::parse_call_id(after)) range.from = internal::failed_key(function, *id);
  VIRGA_CO_TRY_ASSIGN(auto records, co_await state_->parts.store.scan(range));
  std::vector<model::RequestId> ids;
  for (const auto& record : records) {
    if (auto id = internal::id_in(record.key)) ids.emplace_back(internal::uuid_of(*id));
  }
  co_return ids;
}

io::Task<Result<>> AsyncCalls::redrive(model::RequestId id) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto status, co_await this->status(id, io::Deadline::at({})));
  auto key = *internal::parse_call_id(id.text());
  auto& [call, history] = status;
  bool comes_too_late = state.redriven.contains(key);
  if (history.state != CallState::Failed || comes_too_late) {
    co_return fail(ErrorCode::Conflict, "the call '" + id.text() + "' is " + std::string(name(history.state)) +
                                            "; only calls that have failed can be tried again");
  }
  state.redriven.insert(key);
  auto now = state.parts.loop.clock().wall();
  store::Batch batch;
  batch.remove(internal::failed_key(call.function, key));
  batch.remove(internal::expiry_key(history.ended + state.options.keep_failed, key));
  history.state = CallState::Waiting;
  history.condition = Condition::None;
  history.reason.clear();
  history.handed_to.clear();
  history.spent = 0;
  history.due = now;
  history.ended = {};
  batch.put(internal::key_of(internal::kHistories, key), history.encode());
  put_waiting(batch, key, call, now, true);
  auto written = co_await state.parts.store.commit(std::move(batch));
  state.redriven.erase(key);
  VIRGA_CO_TRY(std::move(written));
  if (state.is_loading) state.came_since.insert(key);
  state.lanes.add(lane_name(call), {key, unix_milliseconds(now), 0, true, {}});
  state.pump_soon();
  co_return Result<>();
}

// ---- Forgetting.

io::Task<void> AsyncCalls::State::forget_old() {
  bool is_done = false;
  while (!is_done && !stop_asked.is_set()) {
    store::Range range{std::string(internal::kExpiry), "", kPage, store::Order::Ascending};
    auto page = co_await parts.store.scan(range);
    if (!page) break;
    store::Batch batch;
    is_done = page->size() < kPage;
    for (const auto& [key, value] : *page) {
      auto time = internal::time_in_expiry_key(key);
      if (time && *time > parts.loop.clock().wall()) {
        is_done = true;
        break;
      }
      for (const auto& forgotten : internal::decode_keys(value)) batch.remove(forgotten);
      batch.remove(key);
    }
    if (batch.empty()) break;
    auto written = co_await parts.store.commit(std::move(batch));
    if (!written) break;
  }
  if (stop_asked.is_set()) co_return;
  cleaning.start(io::Deadline::in(parts.loop, kCleaningTime), [this] { tasks.add(forget_old()); });
}

}  // namespace virga::events
