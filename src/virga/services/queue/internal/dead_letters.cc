// Messages that are not handed out any more: they are over, or were received too often.

#include <utility>

#include "virga/base/id.h"
#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {

using internal::QueuePtr;

void Queues::State::divert(const QueuePtr& queue, std::vector<Number>& taken) {
  const auto& settings = queue->record.settings;
  QueuePtr grave;
  if (!settings.dead_letters.empty()) {
    // A dead-letter queue that is gone takes nothing, and its messages are handed out on and on rather than lost.
    auto found = find(settings.dead_letters);
    if (found && *found != queue) grave = *found;
  }
  std::vector<Number> over;
  std::vector<Number> dead;
  std::erase_if(taken, [&](Number number) {
    const auto& entry = *queue->index.find(number);
    if (is_over(*queue, entry)) {
      over.push_back(number);
    } else if (grave && entry.receives > settings.max_receives) {
      dead.push_back(number);
    } else {
      return false;
    }
    queue->index.withdraw(number);
    return true;
  });
  if (!over.empty()) tasks.add(bury(queue, nullptr, std::move(over)));
  if (!dead.empty()) tasks.add(bury(queue, grave, std::move(dead)));
}

io::Task<void> Queues::State::bury(QueuePtr queue, QueuePtr to, std::vector<Number> numbers) {
  if (!to) {
    auto dropped = co_await drop(queue, std::move(numbers));
    (void)dropped;
    co_return;
  }
  for (auto number : numbers) {
    auto moved = co_await move(queue, number, to, Reason::Dead);
    if (moved) {
      figures.dead.add();
      continue;
    }
    log::error("a message cannot be moved to its dead-letter queue; it stays where it is",
               {{"queue", queue->record.name}, {"to", to->record.name}, {"error", moved.error().message()}});
  }
}

io::Task<bool> Queues::State::drop(QueuePtr queue, std::vector<Number> numbers) {
  store::Batch batch;
  for (auto number : numbers) {
    for (auto kind : {internal::kMessages, internal::kStates}) {
      batch.remove(internal::key_of(kind, queue->record.id, number));
    }
  }
  auto written = co_await parts.store.commit(std::move(batch));
  for (auto number : numbers) {
    if (written) {
      queue->index.erase(number);
      cache.erase(number);
    } else {
      queue->index.restore(number, now());
    }
  }
  if (written) figures.expired.add(numbers.size());
  wake(*queue);
  co_return written.has_value();
}

io::Task<Result<>> Queues::State::move(QueuePtr from, Number number, QueuePtr to, Reason reason) {
  auto message = co_await read(from, number);
  auto there = check(*to);
  auto new_number = take_number();
  if (!message || !there || !new_number) {
    from->index.restore(number, now());
    if (!message) co_return std::unexpected(message.error());
    if (!there) co_return there;
    co_return fail(ErrorCode::Unavailable, "the disk refuses writes");
  }
  auto moved = **message;
  auto wall = this->wall();
  if (reason == Reason::Dead) {
    moved.dead_letter_source = parts.arn_prefix + from->record.name;
    // Retention goes on counting from when it was first sent, but for queues with groups (developer guide,
    // "Configuring queue retention periods with dead-letter queues").
    if (to->is_fifo()) moved.sent = wall;
  } else {
    // Moved back it counts as a new message (developer guide, "Configuring a dead-letter queue redrive").
    moved.id = make_ordered_uuid(wall, parts.random);
    moved.sent = wall;
    moved.dead_letter_source.clear();
  }
  store::Batch batch;
  for (auto kind : {internal::kMessages, internal::kStates}) {
    batch.remove(internal::key_of(kind, from->record.id, number));
  }
  internal::Index::Arrival arrival;
  auto shared = put_message(batch, *to, *new_number, std::move(moved), wall, arrival);
  auto written = co_await parts.store.commit(std::move(batch));
  if (!written) {
    from->index.restore(number, now());
    co_return written;
  }
  from->index.erase(number);
  cache.erase(number);
  arrive(*to, *new_number, arrival, std::move(shared));
  wake(*from);
  co_return written;
}

}  // namespace virga::services::queue
