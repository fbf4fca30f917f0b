#include "virga/services/queue/mappings.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "virga/base/id.h"
#include "virga/events/pattern.h"
#include "virga/io/task_group.h"
#include "virga/services/queue/internal/keys.h"
#include "virga/services/queue/internal/poll_window.h"
#include "virga/services/queue/internal/sqs_event.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

constexpr std::chrono::seconds kPoll{20};           // the longest wait for a first message
constexpr std::chrono::seconds kProblemRest{5};     // when the queue or the function is gone
constexpr std::chrono::milliseconds kMargin{500};   // before the messages of a batch can be seen again
constexpr std::size_t kMostEventBytes = 5'500'000;  // of messages; Lambda takes 6 MB of event
constexpr std::size_t kRecordBytes = 700;           // about what a record has beside its message

using Batch = std::vector<Received>;

std::string key_of_mapping(std::string_view id) {
  return std::string(internal::kMappings).append(id);
}

Result<std::vector<events::Pattern>> compile(const Mapping& mapping) {
  std::vector<events::Pattern> patterns;
  for (const auto& text : mapping.filters) {
    VIRGA_TRY_ASSIGN(auto pattern, events::Pattern::compile(text));
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

// In pieces that fit an event each.
std::vector<Batch> split(Batch batch) {
  std::vector<Batch> pieces;
  std::size_t bytes = 0;
  for (auto& received : batch) {
    auto size = received.message.size() + kRecordBytes;
    if (pieces.empty() || bytes + size > kMostEventBytes) {
      pieces.emplace_back();
      bytes = 0;
    }
    bytes += size;
    pieces.back().push_back(std::move(received));
  }
  return pieces;
}

}  // namespace

struct Mappings::State {
  // One mapping while Virga runs. shared_ptr: by the map and by the batches that are on their way.
  struct Poller {
    Poller(io::Loop& loop, Mapping m) : mapping(std::move(m)), stopped(loop), changed(loop) {}
    Mapping mapping;
    std::vector<events::Pattern> patterns;
    internal::PollWindow window;
    std::string last_result = "No records processed";
    io::Event stopped;  // it is to end: removed, replaced, disabled, or Virga stops
    io::Event changed;  // the window is another one
    std::shared_ptr<Queues::Listener> listener;
  };
  using PollerPtr = std::shared_ptr<Poller>;

  explicit State(Parts p)
      : parts(std::move(p)),
        tasks(parts.loop),
        good(parts.metrics.counter("virga_mapping_batches_total", "Batches of messages that functions took.")),
        bad(parts.metrics.counter("virga_mapping_failures_total", "Batches of messages whose function failed.")),
        dropped(
            parts.metrics.counter("virga_mapping_filtered_total", "Messages deleted because no filter took them.")) {}

  Parts parts;
  std::map<std::string, PollerPtr, std::less<>> pollers;
  io::TaskGroup tasks;
  metrics::Counter& good;
  metrics::Counter& bad;
  metrics::Counter& dropped;
  bool is_serving = false;

  void start(PollerPtr poller);
  static void end(Poller& poller);
  Result<PollerPtr> make(Mapping mapping);
  io::Task<Result<>> write(Mapping mapping);
  io::Task<void> feed(PollerPtr poller);
  io::Task<Result<Batch>> gather(PollerPtr poller);
  io::Task<void> run(PollerPtr poller, Batch batch, SteadyTime visible);
  io::Task<void> run_piece(PollerPtr poller, Batch batch, SteadyTime visible);
  io::Task<Batch> filter(PollerPtr poller, Batch batch);
  io::Task<Result<model::Outcome>> invoke(PollerPtr poller, std::string event, SteadyTime visible);
  io::Task<void> settle(PollerPtr poller, Batch batch, model::Outcome outcome);
  io::Task<bool> erase(std::string queue, std::vector<std::string> receipts);
};

Mappings::Mappings(std::unique_ptr<State> state) : state_(std::move(state)) {}
Mappings::~Mappings() = default;

Result<std::unique_ptr<Mappings>> Mappings::open(Parts parts, store::Store& store) {
  auto state = std::make_unique<State>(std::move(parts));
  store::Range range{std::string(internal::kMappings), "", 1000, store::Order::Ascending};
  while (true) {
    VIRGA_TRY_ASSIGN(auto page, store.scan(range));
    for (const auto& [key, value] : page) {
      VIRGA_TRY_ASSIGN(auto mapping, Mapping::decode(value));
      VIRGA_TRY_ASSIGN(auto poller, state->make(std::move(mapping)));
      auto id = poller->mapping.id;
      state->pollers.emplace(std::move(id), std::move(poller));
    }
    if (page.size() < range.limit) break;
    range.from = page.back().key;
  }
  return std::unique_ptr<Mappings>(new Mappings(std::move(state)));
}

Result<Mappings::State::PollerPtr> Mappings::State::make(Mapping mapping) {
  auto poller = std::make_shared<Poller>(parts.loop, std::move(mapping));
  VIRGA_TRY_ASSIGN(poller->patterns, compile(poller->mapping));
  poller->window.set_most(poller->mapping.max_concurrency);
  poller->listener = parts.queues.make_listener();
  return poller;
}

void Mappings::State::start(PollerPtr poller) {
  if (is_serving && poller->mapping.is_enabled) tasks.add(feed(std::move(poller)));
}

void Mappings::State::end(Poller& poller) {
  poller.stopped.set();
  poller.changed.set();
  poller.listener->cancel();
}

void Mappings::serve() {
  state_->is_serving = true;
  for (const auto& [id, poller] : state_->pollers) state_->start(poller);
}

void Mappings::close() {
  state_->is_serving = false;
  for (const auto& [id, poller] : state_->pollers) State::end(*poller);
}

io::Task<void> Mappings::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

// ---- Changes.

io::Task<Result<>> Mappings::State::write(Mapping mapping) {
  store::Batch batch;
  batch.put(key_of_mapping(mapping.id), mapping.encode());
  auto written = co_await parts.store.commit(std::move(batch));
  co_return written;
}

io::Task<Result<Mapping>> Mappings::create(Mapping mapping) {
  auto& state = *state_;
  for (const auto& [id, poller] : state.pollers) {
    const auto& other = poller->mapping;
    if (other.queue != mapping.queue || other.function != mapping.function || other.qualifier != mapping.qualifier) {
      continue;
    }
    co_return fail(ErrorCode::Conflict,
                   "An event source mapping with SQS arn (\" " + state.parts.queues.arn_of(mapping.queue) +
                       " \") and function (\" " + mapping.function.text() +
                       " \") already exists. Please update or delete the existing mapping with UUID " + id);
  }
  mapping.id = make_uuid(state.parts.random);
  mapping.modified = state.parts.loop.clock().wall();
  VIRGA_CO_TRY_ASSIGN(auto poller, state.make(mapping));
  state.pollers.emplace(mapping.id, poller);
  auto written = co_await state.write(mapping);
  if (!written) {
    state.pollers.erase(mapping.id);
    co_return std::unexpected(written.error());
  }
  state.start(std::move(poller));
  co_return mapping;
}

io::Task<Result<Mapping>> Mappings::change(Mapping mapping) {
  auto& state = *state_;
  VIRGA_CO_TRY(find(mapping.id));
  mapping.modified = state.parts.loop.clock().wall();
  VIRGA_CO_TRY_ASSIGN(auto poller, state.make(mapping));
  VIRGA_CO_TRY(co_await state.write(mapping));
  auto place = state.pollers.find(mapping.id);
  if (place == state.pollers.end()) co_return fail(ErrorCode::NotFound, "The resource you requested does not exist.");
  // Batches that are on their way end as they began.
  State::end(*place->second);
  poller->last_result = place->second->last_result;
  place->second = poller;
  state.start(std::move(poller));
  co_return mapping;
}

io::Task<Result<Mapping>> Mappings::remove(std::string id) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto mapping, find(id));
  store::Batch batch;
  batch.remove(key_of_mapping(id));
  VIRGA_CO_TRY(co_await state.parts.store.commit(std::move(batch)));
  auto place = state.pollers.find(id);
  if (place != state.pollers.end()) {
    State::end(*place->second);
    state.pollers.erase(place);
  }
  co_return mapping;
}

Result<Mapping> Mappings::find(std::string_view id) const {
  auto place = state_->pollers.find(id);
  if (place == state_->pollers.end()) {
    return fail(ErrorCode::NotFound, "The resource you requested does not exist: there is no event source mapping '" +
                                         std::string(id) + "'");
  }
  return place->second->mapping;
}

std::vector<Mapping> Mappings::list() const {
  std::vector<Mapping> all;
  for (const auto& [id, poller] : state_->pollers) all.push_back(poller->mapping);
  return all;
}

std::string Mappings::last_result(std::string_view id) const {
  auto place = state_->pollers.find(id);
  return place == state_->pollers.end() ? std::string() : place->second->last_result;
}

// ---- Running.

io::Task<void> Mappings::State::feed(PollerPtr poller) {
  auto& window = poller->window;
  while (!poller->stopped.is_set()) {
    auto now = parts.loop.now();
    if (!window.may_begin(now)) {
      poller->changed.reset();
      auto next = window.next_change();
      auto changed = co_await poller->changed.wait(io::Deadline::at(next));
      (void)changed;
      continue;
    }
    auto batch = co_await gather(poller);
    if (!batch) {
      if (poller->stopped.is_set()) co_return;
      poller->last_result = "PROBLEM: " + batch.error().message();
      auto stopped = co_await poller->stopped.wait(io::Deadline::in(parts.loop, kProblemRest));
      (void)stopped;
      continue;
    }
    if (batch->empty()) continue;
    auto queue = parts.queues.describe(poller->mapping.queue);
    auto visibility = queue ? queue->settings.visibility : std::chrono::seconds(0);
    window.begin();
    // What was gathered first is seen again first, and may have waited for the window's time.
    tasks.add(run(poller, std::move(*batch), parts.loop.now() + visibility - poller->mapping.window));
  }
}

io::Task<Result<Batch>> Mappings::State::gather(PollerPtr poller) {
  const auto& mapping = poller->mapping;
  Batch batch;
  std::size_t bytes = 0;
  auto until = io::Deadline::in(parts.loop, kPoll);
  while (batch.size() < mapping.batch_size && bytes < kMostEventBytes) {
    Queues::Wanted wanted;
    // Few at a time, so that big messages are not taken out in numbers that no event holds.
    wanted.most = std::min<std::size_t>(mapping.batch_size - batch.size(), 10);
    wanted.until = until;
    auto received = co_await parts.queues.receive(mapping.queue, wanted, poller->listener);
    if (!received && batch.empty()) co_return std::unexpected(received.error());
    if (!received || received->empty()) break;
    for (auto& one : *received) bytes += one.message.size() + kRecordBytes;
    // The window opens with the first message. Without one, a batch takes what is there.
    if (batch.empty()) until = io::Deadline::in(parts.loop, mapping.window);
    std::ranges::move(*received, std::back_inserter(batch));
    if (poller->stopped.is_set()) break;
  }
  co_return batch;
}

io::Task<void> Mappings::State::run(PollerPtr poller, Batch batch, SteadyTime visible) {
  auto rest = co_await filter(poller, std::move(batch));
  for (auto& piece : split(std::move(rest))) co_await run_piece(poller, std::move(piece), visible);
  poller->window.end();
  poller->changed.set();
}

io::Task<Batch> Mappings::State::filter(PollerPtr poller, Batch batch) {
  if (poller->patterns.empty()) co_return batch;
  auto arn = parts.queues.arn_of(poller->mapping.queue);
  Batch kept;
  std::vector<std::string> refused;
  for (auto& received : batch) {
    auto record = internal::make_filter_record(received, arn);
    bool fits = std::ranges::any_of(poller->patterns,
                                    [&](const auto& pattern) { return pattern.matches(std::string_view(record)); });
    if (fits) {
      kept.push_back(std::move(received));
    } else {
      refused.push_back(std::move(received.receipt));
    }
  }
  if (refused.empty()) co_return kept;
  dropped.add(refused.size());
  auto erased = co_await erase(poller->mapping.queue, std::move(refused));
  (void)erased;  // what stays is filtered again
  co_return kept;
}

io::Task<void> Mappings::State::run_piece(PollerPtr poller, Batch batch, SteadyTime visible) {
  auto event = internal::make_event(batch, parts.queues.arn_of(poller->mapping.queue));
  auto outcome = co_await invoke(poller, std::move(event), visible);
  if (!outcome) {
    poller->last_result = "PROBLEM: " + outcome.error().message();
    co_return;
  }
  co_await settle(poller, std::move(batch), std::move(*outcome));
}

// Until it runs, or its messages can be seen by others soon.
io::Task<Result<model::Outcome>> Mappings::State::invoke(PollerPtr poller, std::string event, SteadyTime visible) {
  const auto& mapping = poller->mapping;
  while (true) {
    auto resolved = parts.catalog.resolve(mapping.function, mapping.qualifier, parts.random.fraction());
    if (!resolved) co_return fail(ErrorCode::NotFound, "Function not found");
    model::Invocation invocation;
    invocation.id = model::RequestId(make_ordered_uuid(parts.loop.clock().wall(), parts.random));
    invocation.payload = event;
    invocation.invoked_arn = parts.function_arn_prefix + mapping.function.text();
    if (!mapping.qualifier.empty()) invocation.invoked_arn += ":" + mapping.qualifier;
    auto outcome = co_await parts.invoker.invoke(std::move(*resolved), std::move(invocation));
    if (outcome) {
      poller->window.grow();
      poller->changed.set();
      co_return outcome;
    }
    auto now = parts.loop.now();
    auto rest = poller->window.refuse(now);
    if (now + rest + kMargin >= visible) co_return outcome;
    auto stopped = co_await poller->stopped.wait(io::Deadline::in(parts.loop, rest));
    if (stopped) co_return outcome;
  }
}

io::Task<void> Mappings::State::settle(PollerPtr poller, Batch batch, model::Outcome outcome) {
  if (outcome.fault != model::Fault::None) {
    bad.add();
    poller->last_result = "PROBLEM: Function call failed";
    co_return;
  }
  std::optional<std::set<std::string>> failed = std::set<std::string>();
  if (poller->mapping.reports_failures) failed = internal::read_failures(outcome.payload, batch);
  if (!failed) {
    bad.add();
    poller->last_result = "PROBLEM: The function's report of failures cannot be understood";
    co_return;
  }
  std::vector<std::string> done;
  for (auto& received : batch) {
    if (!failed->contains(received.message.id)) done.push_back(std::move(received.receipt));
  }
  good.add();
  poller->last_result = failed->empty() ? "OK" : "PROBLEM: " + std::to_string(failed->size()) + " messages failed";
  if (done.empty()) co_return;
  bool is_erased = co_await erase(poller->mapping.queue, std::move(done));
  if (!is_erased) poller->last_result = "PROBLEM: messages could not be deleted and come again";
}

io::Task<bool> Mappings::State::erase(std::string queue, std::vector<std::string> receipts) {
  auto erased = co_await parts.queues.erase(std::move(queue), std::move(receipts));
  if (!erased) log::warn("messages that were handled cannot be deleted", {{"error", erased.error().message()}});
  co_return erased.has_value();
}

}  // namespace virga::services::queue
