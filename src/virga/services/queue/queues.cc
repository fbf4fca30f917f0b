#include "virga/services/queue/queues.h"

#include <utility>

#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

using internal::Queue;
using internal::QueuePtr;

constexpr Number kNumberBlock = 1 << 20;  // as many are written as given out at a time
constexpr std::chrono::seconds kCommitRest{1};

std::unexpected<Error> no_queue(std::string_view name) {
  return fail(ErrorCode::NotFound, "there is no queue '" + std::string(name) + "'");
}

std::string number_text(Number number) {
  std::string text;
  internal::append_number(text, number);
  return text;
}

void remove_messages(store::Batch& batch, std::uint64_t queue) {
  for (auto kind : {internal::kMessages, internal::kStates}) {
    auto prefix = internal::prefix_of(kind, queue);
    batch.remove_range(prefix, internal::end_of(prefix));
  }
}

Result<std::vector<store::Record>> read_all(store::Store& store, std::string_view prefix) {
  std::vector<store::Record> all;
  store::Range range{std::string(prefix), "", 1000, store::Order::Ascending};
  while (true) {
    VIRGA_TRY_ASSIGN(auto page, store.scan(range));
    bool is_last = page.size() < range.limit;
    for (auto& record : page) all.push_back(std::move(record));
    if (is_last) return all;
    range.from = all.back().key;
  }
}

}  // namespace

Queues::Queues(std::unique_ptr<State> state) : state_(std::move(state)) {
  auto* s = state_.get();
  auto sum = [s](std::uint64_t Counts::* member) {
    std::uint64_t total = 0;
    for (const auto& [name, queue] : s->queues) {
      Counts counts{queue->index.ready(s->now()), queue->index.out(s->now()), queue->index.delayed(s->now())};
      total += counts.*member;
    }
    return static_cast<double>(total);
  };
  auto& metrics = s->parts.metrics;
  metrics.gauge_from("virga_queue_ready", "Messages that can be received.", [sum] { return sum(&Counts::ready); });
  metrics.gauge_from("virga_queue_in_flight", "Messages that were received and are hidden.",
                     [sum] { return sum(&Counts::out); });
  metrics.gauge_from("virga_queue_delayed", "Messages that are not to be seen yet.",
                     [sum] { return sum(&Counts::delayed); });
}

Queues::~Queues() = default;

Result<std::unique_ptr<Queues>> Queues::open(Parts parts, Options options, store::Store& store) {
  auto state = std::make_unique<State>(std::move(parts), options);
  VIRGA_TRY_ASSIGN(auto numbers, store.get(internal::kNumbers));
  if (numbers) state->next_number = internal::number_in(*numbers).value_or(0);
  if (state->next_number == 0) state->next_number = 1;
  state->numbers_end = state->next_number + kNumberBlock;
  store::Batch batch;
  batch.put(internal::kNumbers, number_text(state->numbers_end));
  VIRGA_TRY(store.commit(std::move(batch)));
  VIRGA_TRY_ASSIGN(auto queues, read_all(store, internal::kQueues));
  for (const auto& [key, value] : queues) {
    VIRGA_TRY_ASSIGN(auto record, QueueRecord::decode(value));
    auto name = record.name;
    auto queue = std::make_shared<Queue>(state->parts.loop, std::move(record));
    queue->first_new = state->next_number;
    state->queues.emplace(std::move(name), std::move(queue));
  }
  VIRGA_TRY_ASSIGN(auto moves, read_all(store, internal::kMoves));
  for (const auto& [key, value] : moves) {
    if (!state->load_move(std::string_view(key).substr(internal::kMoves.size()), value)) {
      log::error("the record of a move of messages is damaged; it is left where it is");
    }
  }
  return std::unique_ptr<Queues>(new Queues(std::move(state)));
}

void Queues::serve() {
  auto& state = *state_;
  for (const auto& [name, queue] : state.queues) state.tasks.add(state.load(queue));
  std::vector<std::string> running;
  for (const auto& [id, task] : state.moves) {
    if (task.status == MoveTask::Status::Running || task.status == MoveTask::Status::Cancelling) running.push_back(id);
  }
  for (auto& id : running) state.tasks.add(state.run_move(std::move(id)));
  state.tasks.add(state.clean());
}

void Queues::close() {
  auto& state = *state_;
  state.stop_asked.set();
  state.cleaning.cancel();
  for (const auto& [name, queue] : state.queues) {
    queue->next_change.cancel();
    queue->loaded.set();
    for (const auto& listener : queue->listeners) listener->cancel();
  }
}

io::Task<void> Queues::stop() {
  auto joined = co_await state_->tasks.join();
  (void)joined;
}

Result<QueuePtr> Queues::State::find(std::string_view name) const {
  if (stop_asked.is_set()) return fail(ErrorCode::Unavailable, "Virga is stopping");
  auto place = queues.find(name);
  if (place == queues.end() || place->second->is_gone) return no_queue(name);
  return place->second;
}

Result<> Queues::State::check(const Queue& queue) const {
  if (stop_asked.is_set()) return fail(ErrorCode::Unavailable, "Virga is stopping");
  if (queue.is_gone) return no_queue(queue.record.name);
  return {};
}

std::optional<Number> Queues::State::take_number() {
  if (next_number + kNumberBlock / 2 > numbers_end && !is_growing) tasks.add(grow_numbers());
  if (next_number >= numbers_end) return std::nullopt;
  return next_number++;
}

io::Task<void> Queues::State::grow_numbers() {
  is_growing = true;
  while (!stop_asked.is_set()) {
    store::Batch batch;
    auto end = numbers_end + kNumberBlock;
    batch.put(internal::kNumbers, number_text(end));
    auto written = co_await parts.store.commit(std::move(batch));
    if (written) {
      numbers_end = end;
      break;
    }
    auto stopped = co_await stop_asked.wait(io::Deadline::in(parts.loop, kCommitRest));
    (void)stopped;
  }
  is_growing = false;
}

// Wakes as many of those who wait as there are messages, and comes back when the next one can be seen.
void Queues::State::wake(Queue& queue) {
  if (queue.listeners.empty() || stop_asked.is_set()) return;
  for (auto count = queue.index.receivable(now()); count > 0 && !queue.listeners.empty(); --count) {
    queue.listeners.front()->wake.set();
    queue.listeners.pop_front();
  }
  auto due = queue.index.next_due();
  if (queue.listeners.empty() || due == SteadyTime::max()) return queue.next_change.cancel();
  queue.next_change.start(io::Deadline::at(due), [this, &queue] { wake(queue); });
}

// ---- Queues as such.

io::Task<Result<>> Queues::State::write_record(QueuePtr queue, QueueRecord record) {
  store::Batch batch;
  batch.put(internal::queue_key(record.name), record.encode());
  VIRGA_CO_TRY(co_await parts.store.commit(std::move(batch)));
  queue->record = std::move(record);
  co_return Result<>();
}

io::Task<Result<>> Queues::create(std::string name, Settings settings, Tags tags) {
  auto& state = *state_;
  if (state.stop_asked.is_set()) co_return fail(ErrorCode::Unavailable, "Virga is stopping");
  auto place = state.queues.find(name);
  if (place != state.queues.end()) {
    if (place->second->record.settings == settings) co_return Result<>();
    co_return fail(ErrorCode::AlreadyExists, "a queue named '" + name + "' exists already, with other attributes");
  }
  auto number = state.take_number();
  if (!number) co_return fail(ErrorCode::Unavailable, "the disk refuses writes");
  QueueRecord record;
  record.id = *number;
  record.name = name;
  record.settings = std::move(settings);
  record.tags = std::move(tags);
  record.created = state.wall();
  record.modified = record.created;
  auto queue = std::make_shared<Queue>(state.parts.loop, record);
  queue->first_new = 0;
  queue->loaded.set();
  // It is found at once, so that of two that make it one makes it; what is sent to it is written behind its record.
  state.queues.emplace(name, queue);
  auto written = co_await state.write_record(queue, std::move(record));
  if (!written) {
    queue->is_gone = true;
    state.queues.erase(name);
  }
  co_return written;
}

io::Task<Result<>> Queues::change(std::string name, Settings settings) {
  VIRGA_CO_TRY_ASSIGN(auto queue, state_->find(name));
  auto record = queue->record;
  record.settings = std::move(settings);
  record.modified = state_->wall();
  auto written = co_await state_->write_record(queue, std::move(record));
  if (written) state_->wake(*queue);
  co_return written;
}

io::Task<Result<>> Queues::change_tags(std::string name, Tags set, std::vector<std::string> removed) {
  VIRGA_CO_TRY_ASSIGN(auto queue, state_->find(name));
  auto record = queue->record;
  for (const auto& key : removed) record.tags.erase(key);
  for (auto& [key, value] : set) record.tags[key] = std::move(value);
  auto written = co_await state_->write_record(queue, std::move(record));
  co_return written;
}

io::Task<Result<>> Queues::remove(std::string name) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  // From here on nobody writes to it, so nothing is left behind on the disk.
  queue->is_gone = true;
  store::Batch batch;
  batch.remove(internal::queue_key(name));
  remove_messages(batch, queue->record.id);
  auto dedups = internal::prefix_of(internal::kDedups, queue->record.id);
  batch.remove_range(dedups, internal::end_of(dedups));
  state.forget_moves(name, batch);
  auto written = co_await state.parts.store.commit(std::move(batch));
  if (!written) {
    queue->is_gone = false;
    co_return written;
  }
  state.queues.erase(name);
  queue->next_change.cancel();
  for (const auto& listener : queue->listeners) listener->cancel();
  queue->listeners.clear();
  for (auto number : queue->index.oldest(SIZE_MAX)) state.cache.erase(number);
  co_return written;
}

io::Task<Result<>> Queues::purge(std::string name) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  if (queue->is_purging) {
    co_return fail(ErrorCode::Conflict, "a purge of the queue '" + name + "' is running already");
  }
  queue->is_purging = true;
  auto loaded = co_await queue->loaded.wait();
  (void)loaded;
  // Out of everybody's hands before it is off the disk: a receive must not write about a message that is gone.
  std::vector<Number> numbers;
  if (!queue->is_gone) numbers = queue->index.oldest(SIZE_MAX);
  for (auto number : numbers) queue->index.withdraw(number);
  store::Batch batch;
  if (!numbers.empty()) {
    for (auto kind : {internal::kMessages, internal::kStates}) {
      batch.remove_range(internal::prefix_of(kind, queue->record.id),
                         internal::key_of(kind, queue->record.id, numbers.back() + 1));
    }
  }
  Result<> written;
  if (!batch.empty()) written = co_await state.parts.store.commit(std::move(batch));
  for (auto number : numbers) {
    if (written) {
      state.cache.erase(number);
      queue->index.erase(number);
    } else {
      queue->index.restore(number, state.now());
    }
  }
  queue->is_purging = false;
  co_return written;
}

std::vector<std::string> Queues::names(std::string_view prefix) const {
  std::vector<std::string> names;
  for (auto place = state_->queues.lower_bound(prefix);
       place != state_->queues.end() && place->first.starts_with(prefix); ++place) {
    if (!place->second->is_gone) names.push_back(place->first);
  }
  return names;
}

Result<QueueRecord> Queues::describe(std::string_view name) const {
  VIRGA_TRY_ASSIGN(auto queue, state_->find(name));
  return queue->record;
}

Result<Queues::Counts> Queues::counts(std::string_view name) const {
  VIRGA_TRY_ASSIGN(auto queue, state_->find(name));
  auto now = state_->now();
  return Counts{queue->index.ready(now), queue->index.out(now), queue->index.delayed(now)};
}

std::vector<std::string> Queues::dead_letter_sources(std::string_view name) const {
  std::vector<std::string> sources;
  for (const auto& [source, queue] : state_->queues) {
    if (queue->record.settings.dead_letters == name && !queue->is_gone) sources.push_back(source);
  }
  return sources;
}

std::string Queues::arn_of(std::string_view name) const {
  return state_->parts.arn_prefix + std::string(name);
}

std::shared_ptr<Queues::Listener> Queues::make_listener() const {
  return std::make_shared<Listener>(state_->parts.loop);
}

}  // namespace virga::services::queue
