// A receive that is asked for again by its name.

#include "virga/services/queue/internal/keys.h"
#include "virga/services/queue/internal/receipt.h"
#include "virga/services/queue/internal/state.h"

namespace virga::services::queue {

// The same messages with the same receipts, hidden anew; none if any of them was deleted, hidden otherwise, or seen
// again since: then it is a receive like any other.
io::Task<Result<std::vector<Received>>> Queues::State::take_again(QueuePtr queue, Wanted wanted) {
  std::vector<Received> received;
  auto now = this->now();
  auto& index = queue->index;
  index.wake(now);
  const auto* known = queue->attempts.find(wanted.attempt, now);
  if (known == nullptr) co_return received;
  auto given = *known;
  for (const auto& one : given) {
    const auto* entry = index.find(one.number);
    bool is_as_it_was = entry != nullptr && entry->state == internal::Index::State::Out && entry->nonce == one.nonce &&
                        entry->due == one.due;
    if (!is_as_it_was) co_return received;
  }
  auto visibility = wanted.visibility.value_or(queue->record.settings.visibility);
  auto due = now + visibility;
  auto visible = wall() + visibility;
  store::Batch batch;
  std::vector<internal::ReceiveAttempts::Given> again;
  for (const auto& one : given) {
    const auto& entry = *index.find(one.number);
    batch.put(internal::key_of(internal::kStates, queue->record.id, one.number), state_of(entry, visible).encode());
    again.push_back({one.number, one.nonce, due});
    // Longer at once, shorter when it is written.
    index.hide(one.number, std::max(one.due, due), now);
  }
  auto written = co_await parts.store.commit(std::move(batch));
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto* entry = index.find(given[i].number);
    if (entry == nullptr || entry->state != internal::Index::State::Out || entry->nonce != given[i].nonce) continue;
    index.hide(given[i].number, written ? due : given[i].due, this->now());
  }
  if (!written) co_return std::unexpected(written.error());
  queue->attempts.put(wanted.attempt, again, this->now());
  for (const auto& one : given) {
    auto message = co_await read(queue, one.number);
    const auto* entry = index.find(one.number);
    if (!message || entry == nullptr) continue;
    Received whole;
    whole.message = **message;
    whole.number = one.number;
    whole.receipt = internal::Receipt{queue->record.id, one.number, one.nonce}.encode();
    whole.receives = entry->receives;
    whole.first_received = wall_time_at(static_cast<std::uint64_t>(entry->first_ms));
    received.push_back(std::move(whole));
  }
  wake(*queue);
  co_return received;
}

void Queues::State::remember(internal::Queue& queue, const std::string& attempt,
                             const std::vector<Received>& received) {
  std::vector<internal::ReceiveAttempts::Given> given;
  for (const auto& one : received) {
    const auto* entry = queue.index.find(one.number);
    if (entry != nullptr) given.push_back({one.number, entry->nonce, entry->due});
  }
  queue.attempts.put(attempt, std::move(given), now());
}

}  // namespace virga::services::queue
