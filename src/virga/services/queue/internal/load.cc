// What was there before the start, and what is over.

#include <algorithm>
#include <utility>

#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

using internal::QueuePtr;

constexpr std::size_t kPage = 2000;    // records that are read at a time
constexpr std::size_t kRemoved = 500;  // messages that are removed at a time
constexpr std::chrono::minutes kCleaningTime{1};
constexpr std::chrono::seconds kReadRest{1};
constexpr std::chrono::hours kLongestWait{13};  // above what any message may be hidden, for when the clock was wrong

}  // namespace

// The next page, empty at the end and at a stop. A disk that cannot be read now is asked again.
io::Task<std::vector<store::Record>> Queues::State::read_page(std::string prefix, std::string after) {
  while (!stop_asked.is_set()) {
    store::Range range{prefix, after, kPage, store::Order::Ascending};
    auto page = co_await parts.store.scan(std::move(range));
    if (page) co_return std::move(*page);
    log::error("the messages of before cannot be read, which is tried again", {{"error", page.error().message()}});
    auto stopped = co_await stop_asked.wait(io::Deadline::in(parts.loop, kReadRest));
    (void)stopped;
  }
  co_return std::vector<store::Record>();
}

io::Task<void> Queues::State::load(QueuePtr queue) {
  if (queue->is_fifo()) co_await load_dedups(queue);
  auto prefix = internal::prefix_of(internal::kStates, queue->record.id);
  std::string last;
  while (!stop_asked.is_set() && !queue->is_gone) {
    auto page = co_await read_page(prefix, last);
    auto now = this->now();
    auto wall = this->wall();
    for (const auto& [key, value] : page) {
      auto number = internal::number_in(key);
      auto state = internal::MessageState::decode(value);
      if (!number || !state) {
        log::error("the record of a message is damaged; it is left where it is", {{"queue", queue->record.name}});
        continue;
      }
      if (*number >= queue->first_new || queue->is_gone) continue;
      internal::Index::Arrival arrival;
      arrival.sent_ms = unix_milliseconds(state->sent);
      arrival.first_ms = unix_milliseconds(state->first_received);
      arrival.nonce = state->nonce;
      arrival.receives = state->receives;
      arrival.group = state->group;
      arrival.sent = now - (wall - state->sent);
      auto wait = std::min<WallTime::duration>(state->visible - wall, kLongestWait);
      arrival.due = wait.count() > 0 ? now + wait : now;
      queue->index.add(*number, arrival, now);
    }
    wake(*queue);
    if (page.size() < kPage) break;
    last = page.back().key;
  }
  queue->loaded.set();
}

io::Task<void> Queues::State::load_dedups(QueuePtr queue) {
  auto prefix = internal::prefix_of(internal::kDedups, queue->record.id);
  std::string last;
  while (!stop_asked.is_set() && !queue->is_gone) {
    auto page = co_await read_page(prefix, last);
    auto now = this->now();
    auto wall = this->wall();
    for (const auto& [key, value] : page) {
      auto record = internal::DedupRecord::decode(value);
      if (!record) continue;
      // What is over is added as well, so that it is forgotten on the disk, too.
      auto left = std::min<WallTime::duration>(record->expires - wall, internal::kDedupTime);
      queue->dedup.add(key.substr(prefix.size()), {record->number, record->message_id, now + left});
    }
    if (page.size() < kPage) break;
    last = page.back().key;
  }
}

bool Queues::State::is_over(const internal::Queue& queue, const internal::Index::Entry& entry) const {
  return entry.sent + queue.record.settings.retention <= now();
}

io::Task<void> Queues::State::clean() {
  std::vector<QueuePtr> all;
  for (const auto& [name, queue] : queues) all.push_back(queue);
  for (const auto& queue : all) co_await clean_queue(queue);
  if (stop_asked.is_set()) co_return;
  cleaning.start(io::Deadline::in(parts.loop, kCleaningTime), [this] { tasks.add(clean()); });
}

io::Task<void> Queues::State::clean_queue(QueuePtr queue) {
  bool is_good = true;
  while (is_good && !queue->is_gone && !stop_asked.is_set()) {
    auto numbers = queue->index.oldest(kRemoved);
    std::erase_if(numbers, [&](Number number) { return !is_over(*queue, *queue->index.find(number)); });
    if (numbers.empty()) break;
    for (auto number : numbers) queue->index.withdraw(number);
    is_good = co_await drop(queue, std::move(numbers));
  }
  auto forgotten = queue->dedup.forget(now());
  if (forgotten.empty() || queue->is_gone) co_return;
  store::Batch batch;
  for (const auto& hash : forgotten) batch.remove(internal::dedup_key(queue->record.id, hash));
  auto written = co_await parts.store.commit(std::move(batch));
  (void)written;  // what stays on the disk is forgotten after the next start
}

}  // namespace virga::services::queue
