// What receivers do with messages they were given: delete them, or hide them for longer or shorter.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "virga/services/queue/internal/receipt.h"
#include "virga/services/queue/internal/state.h"

namespace virga::services::queue {
namespace {

using internal::Receipt;
using EntryState = internal::Index::State;

// Whether one of them may be for a message of before the start that is not in the index yet.
bool may_be_unread(const internal::Queue& queue, const std::vector<std::optional<Receipt>>& receipts) {
  if (queue.loaded.is_set()) return false;
  return std::ranges::any_of(
      receipts, [&](const auto& receipt) { return receipt && queue.index.find(receipt->number) == nullptr; });
}

}  // namespace

io::Task<Result<std::vector<Result<>>>> Queues::erase(std::string name, std::vector<std::string> receipts) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  std::vector<Result<>> results(receipts.size());
  std::vector<std::optional<Receipt>> parsed;
  parsed.reserve(receipts.size());
  for (const auto& text : receipts) parsed.push_back(Receipt::decode(text));
  if (may_be_unread(*queue, parsed)) {
    auto loaded = co_await queue->loaded.wait();
    (void)loaded;
  }
  VIRGA_CO_TRY(state.check(*queue));
  store::Batch batch;
  std::vector<Number> leaving;
  queue->index.wake(state.now());
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    const auto& receipt = parsed[i];
    if (!receipt || receipt->queue != queue->record.id) {
      results[i] = fail(ErrorCode::PreconditionFailed, "the receipt handle '" + receipts[i] + "' is not valid");
      continue;
    }
    const auto* entry = queue->index.find(receipt->number);
    if (entry == nullptr || entry->state == EntryState::Leaving) continue;
    bool is_old = entry->nonce != receipt->nonce;
    if (queue->is_fifo() && (is_old || entry->state != EntryState::Out)) {
      results[i] = fail(ErrorCode::InvalidArgument, "Value " + receipts[i] +
                                                        " for parameter ReceiptHandle is invalid. Reason: The receipt "
                                                        "handle has expired.");
      continue;
    }
    if (is_old) continue;
    queue->index.withdraw(receipt->number);
    leaving.push_back(receipt->number);
    for (auto kind : {internal::kMessages, internal::kStates}) {
      batch.remove(internal::key_of(kind, queue->record.id, receipt->number));
    }
  }
  if (leaving.empty()) co_return results;
  auto written = co_await state.parts.store.commit(std::move(batch));
  for (auto number : leaving) {
    if (written) {
      queue->index.erase(number);
      state.cache.erase(number);
    } else {
      queue->index.restore(number, state.now());
    }
  }
  state.wake(*queue);
  if (!written) co_return std::unexpected(written.error());
  state.figures.deleted.add(leaving.size());
  co_return results;
}

io::Task<Result<std::vector<Result<>>>> Queues::hide(std::string name, std::vector<Hiding> hidings) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  std::vector<std::optional<Receipt>> parsed;
  parsed.reserve(hidings.size());
  for (const auto& hiding : hidings) parsed.push_back(Receipt::decode(hiding.receipt));
  if (may_be_unread(*queue, parsed)) {
    auto loaded = co_await queue->loaded.wait();
    (void)loaded;
  }
  VIRGA_CO_TRY(state.check(*queue));
  std::vector<Result<>> results(hidings.size());
  struct Change {
    Receipt receipt;
    SteadyTime from;
    SteadyTime to;
  };
  std::vector<Change> changes;
  store::Batch batch;
  auto now = state.now();
  auto wall = state.wall();
  queue->index.wake(now);
  for (std::size_t i = 0; i < hidings.size(); ++i) {
    const auto& receipt = parsed[i];
    const auto* entry = receipt && receipt->queue == queue->record.id ? queue->index.find(receipt->number) : nullptr;
    if (!receipt || receipt->queue != queue->record.id) {
      results[i] = fail(ErrorCode::PreconditionFailed, "the receipt handle '" + hidings[i].receipt + "' is not valid");
    } else if (entry == nullptr) {
      results[i] = fail(ErrorCode::InvalidArgument,
                        "Value " + hidings[i].receipt +
                            " for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not "
                            "available for visibility timeout change.");
    } else if (entry->state != EntryState::Out || entry->nonce != receipt->nonce) {
      results[i] = fail(ErrorCode::Conflict, "the message that this receipt was given for is not in flight");
    } else if (std::chrono::floor<std::chrono::seconds>(now - entry->taken) + hidings[i].time > kLongestOut) {
      results[i] = fail(ErrorCode::InvalidArgument,
                        fmt::format("Value {} for parameter VisibilityTimeout is invalid. Reason: Total "
                                    "VisibilityTimeout for the message is beyond the limit [{} seconds]",
                                    hidings[i].time.count(), std::chrono::seconds(kLongestOut).count()));
    } else {
      batch.put(internal::key_of(internal::kStates, queue->record.id, receipt->number),
                State::state_of(*entry, wall + hidings[i].time).encode());
      changes.push_back({*receipt, entry->due, now + hidings[i].time});
      // Longer at once, shorter when it is written: nobody sees it while the disk is busy.
      queue->index.hide(receipt->number, std::max(entry->due, changes.back().to), now);
    }
  }
  if (batch.empty()) co_return results;
  auto written = co_await state.parts.store.commit(std::move(batch));
  for (const auto& change : changes) {
    const auto* entry = queue->index.find(change.receipt.number);
    if (entry == nullptr || entry->state != EntryState::Out || entry->nonce != change.receipt.nonce) continue;
    queue->index.hide(change.receipt.number, written ? change.to : change.from, state.now());
  }
  state.wake(*queue);
  if (!written) co_return std::unexpected(written.error());
  co_return results;
}

}  // namespace virga::services::queue
