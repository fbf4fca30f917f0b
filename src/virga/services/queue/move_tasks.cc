// Moving the messages of a dead-letter queue back, or on: tasks that go on after a restart.

#include <algorithm>
#include <functional>
#include <utility>

#include "virga/base/id.h"
#include "virga/base/record.h"
#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

using Status = Queues::MoveTask::Status;

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMovedAtOnce = 10;
constexpr std::size_t kTasksKept = 10;  // of one queue, as many as SQS tells of
constexpr std::chrono::minutes kHold{1};

std::string encode(const Queues::MoveTask& task) {
  RecordWriter writer(kFormat);
  writer.text(task.source).text(task.destination).number(task.per_second);
  writer.time(task.started).number(task.moved).number(task.to_move);
  writer.number(static_cast<std::uint64_t>(task.status)).text(task.failure);
  return writer.take();
}

bool is_active(Status status) {
  return status == Status::Running || status == Status::Cancelling;
}

std::string move_key(std::string_view id) {
  return std::string(internal::kMoves).append(id);
}

}  // namespace

std::string_view name(Queues::MoveTask::Status status) {
  switch (status) {
    case Status::Running:
      return "RUNNING";
    case Status::Completed:
      return "COMPLETED";
    case Status::Cancelling:
      return "CANCELLING";
    case Status::Cancelled:
      return "CANCELLED";
    case Status::Failed:
      break;
  }
  return "FAILED";
}

bool Queues::State::load_move(std::string_view id, std::string_view bytes) {
  RecordReader reader(bytes);
  MoveTask task;
  task.id = id;
  task.source = reader.text();
  task.destination = reader.text();
  task.per_second = static_cast<std::uint32_t>(reader.number());
  task.started = reader.time();
  task.moved = reader.number();
  task.to_move = reader.number();
  auto status = reader.number();
  task.failure = reader.text();
  if (reader.format() != kFormat || !reader.is_whole() || status > static_cast<std::uint64_t>(Status::Failed)) {
    return false;
  }
  task.status = static_cast<Status>(status);
  moves.emplace(task.id, std::move(task));
  return true;
}

io::Task<Result<>> Queues::State::write_move(std::string id) {
  auto place = moves.find(id);
  if (place == moves.end()) co_return fail(ErrorCode::NotFound, "the task is gone");
  store::Batch batch;
  batch.put(move_key(id), encode(place->second));
  auto written = co_await parts.store.commit(std::move(batch));
  co_return written;
}

// Of a queue that is removed.
void Queues::State::forget_moves(const std::string& source, store::Batch& batch) {
  std::erase_if(moves, [&](const auto& entry) {
    if (entry.second.source != source) return false;
    batch.remove(move_key(entry.first));
    return true;
  });
}

io::Task<Result<std::string>> Queues::start_move(std::string source, std::string destination,
                                                 std::uint32_t per_second) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(source));
  if (!destination.empty()) VIRGA_CO_TRY(state.find(destination));
  if (dead_letter_sources(source).empty()) {
    co_return fail(ErrorCode::InvalidArgument, "Source queue must be configured as a Dead Letter Queue.");
  }
  std::vector<const MoveTask*> old;
  for (const auto& [id, task] : state.moves) {
    if (task.source != source) continue;
    if (is_active(task.status)) {
      co_return fail(ErrorCode::Conflict,
                     "There is already a task running. Only one active task is allowed for a source queue arn at a "
                     "given time.");
    }
    old.push_back(&task);
  }
  store::Batch batch;
  std::ranges::sort(old, std::greater<>(), [](const MoveTask* task) { return task->started; });
  std::vector<std::string> forgotten;
  for (std::size_t i = kTasksKept - 1; i < old.size(); ++i) forgotten.push_back(old[i]->id);
  for (const auto& id : forgotten) {
    batch.remove(move_key(id));
    state.moves.erase(id);
  }
  MoveTask task;
  task.id = make_uuid(state.parts.random);
  task.source = source;
  task.destination = std::move(destination);
  task.per_second = per_second;
  task.started = state.wall();
  task.to_move = queue->index.ready(state.now());
  batch.put(move_key(task.id), encode(task));
  auto id = task.id;
  state.moves.emplace(id, std::move(task));
  auto written = co_await state.parts.store.commit(std::move(batch));
  if (!written) {
    state.moves.erase(id);
    co_return std::unexpected(written.error());
  }
  state.tasks.add(state.run_move(id));
  co_return id;
}

io::Task<void> Queues::State::run_move(std::string id) {
  bool goes_on = true;
  while (goes_on && !stop_asked.is_set()) {
    goes_on = co_await move_some(id);
    auto place = moves.find(id);
    if (place == moves.end()) co_return;
    if (place->second.status == Status::Cancelling) {
      place->second.status = Status::Cancelled;
      goes_on = false;
    }
    if (stop_asked.is_set()) co_return;
    auto written = co_await write_move(id);
    if (!written) log::warn("how far a move of messages is cannot be written", {{"error", written.error().message()}});
  }
}

// Moves the next messages, no more than may be in the time that it takes. False: there are no more, or it failed.
io::Task<bool> Queues::State::move_some(std::string id) {
  auto task = moves.at(id);
  auto from = find(task.source);
  if (!from) co_return false;
  auto queue = *from;
  auto loaded = co_await queue->loaded.wait();
  (void)loaded;
  if (!check(*queue) || !moves.contains(id)) co_return false;
  auto most = task.per_second == 0 ? kMovedAtOnce : std::min<std::size_t>(kMovedAtOnce, task.per_second);
  auto numbers = queue->index.take(most, now() + kHold, now());
  for (auto number : numbers) queue->index.withdraw(number);
  std::string failure;
  std::uint64_t moved = 0;
  for (auto number : numbers) {
    if (!failure.empty()) {
      queue->index.restore(number, now());
      continue;
    }
    auto destination = task.destination;
    auto message = co_await read(queue, number);
    if (message && destination.empty()) destination = queue_of_arn((*message)->dead_letter_source);
    auto to = find(destination);
    if (!message || !to || *to == queue) {
      failure = !message ? message.error().message() : "there is no queue that its messages came from";
      queue->index.restore(number, now());
      continue;
    }
    auto done = co_await move(queue, number, *to, Reason::Moved);
    if (done) {
      ++moved;
    } else {
      failure = done.error().message();
    }
  }
  auto place = moves.find(id);
  if (place == moves.end()) co_return false;
  place->second.moved += moved;
  if (!failure.empty()) {
    place->second.status = Status::Failed;
    place->second.failure = failure;
    co_return false;
  }
  if (numbers.empty()) {
    if (place->second.status == Status::Running) place->second.status = Status::Completed;
    co_return false;
  }
  if (task.per_second > 0) {
    auto time = std::chrono::milliseconds(1000 * numbers.size() / task.per_second);
    auto stopped = co_await stop_asked.wait(io::Deadline::in(parts.loop, time));
    (void)stopped;
  }
  co_return true;
}

io::Task<Result<Queues::MoveTask>> Queues::cancel_move(std::string id) {
  auto& state = *state_;
  auto place = state.moves.find(id);
  if (place == state.moves.end()) co_return fail(ErrorCode::NotFound, "Task does not exist.");
  if (place->second.status != Status::Running) {
    co_return fail(ErrorCode::Conflict, "Only active tasks can be cancelled.");
  }
  place->second.status = Status::Cancelling;
  auto task = place->second;
  VIRGA_CO_TRY(co_await state.write_move(id));
  co_return task;
}

Result<std::vector<Queues::MoveTask>> Queues::moves(std::string_view source) const {
  VIRGA_TRY(state_->find(source));
  std::vector<MoveTask> tasks;
  for (const auto& [id, task] : state_->moves) {
    if (task.source == source) tasks.push_back(task);
  }
  std::ranges::sort(tasks, std::greater<>(), &MoveTask::started);
  return tasks;
}

}  // namespace virga::services::queue
