// Messages on their way to receivers.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "virga/services/queue/internal/receipt.h"
#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

using internal::Index;
using internal::QueuePtr;
using internal::Receipt;
using EntryState = Index::State;

}  // namespace

io::Task<Result<std::shared_ptr<const Message>>> Queues::State::read(QueuePtr queue, Number number) {
  if (auto cached = cache.find(number)) co_return cached;
  auto key = internal::key_of(internal::kMessages, queue->record.id, number);
  VIRGA_CO_TRY_ASSIGN(auto bytes, co_await parts.store.get(std::move(key)));
  if (!bytes) co_return fail(ErrorCode::NotFound, "the message is missing");
  VIRGA_CO_TRY_ASSIGN(auto message, Message::decode(*bytes));
  co_return std::make_shared<const Message>(std::move(message));
}

internal::MessageState Queues::State::state_of(const Index::Entry& entry, WallTime visible) {
  internal::MessageState state;
  state.visible = visible;
  state.sent = WallTime(std::chrono::milliseconds(entry.sent_ms));
  state.first_received = WallTime(std::chrono::milliseconds(entry.first_ms));
  state.nonce = entry.nonce;
  state.receives = entry.receives;
  state.group = Index::group(entry);
  return state;
}

// Takes out what can be seen now, and answers when that is on the disk.
io::Task<Result<std::vector<Received>>> Queues::State::take(QueuePtr queue, Wanted wanted) {
  auto visibility = wanted.visibility.value_or(queue->record.settings.visibility);
  auto& index = queue->index;
  std::vector<Received> received;
  std::vector<Number> taken;
  auto now = this->now();
  do {
    auto out = index.out(now);
    if (out >= options.most_out) {
      // Receivers of queues with groups only wait, as those of a group that is blocked do.
      if (queue->is_fifo()) co_return received;
      co_return fail(ErrorCode::ResourceExhausted,
                     fmt::format("{} messages of this queue are in flight, which is as many as may be", out));
    }
    taken = index.take(std::min<std::uint64_t>(wanted.most, options.most_out - out), now + visibility, now);
    if (taken.empty()) co_return received;
    divert(queue, taken);
  } while (taken.empty());

  // No wait from the taking to the commit: else a purge could come between, and this would write about what is gone.
  auto wall = this->wall();
  store::Batch batch;
  std::vector<std::uint64_t> nonces;
  for (auto number : taken) {
    const auto& entry = *index.find(number);
    auto nonce = nonces.emplace_back(parts.random.next());
    index.set_receipt(number, nonce, entry.first_ms != 0 ? entry.first_ms : unix_milliseconds(wall));
    Received one;
    one.number = number;
    one.receipt = Receipt{queue->record.id, number, nonce}.encode();
    one.receives = entry.receives;
    one.first_received = WallTime(std::chrono::milliseconds(entry.first_ms));
    received.push_back(std::move(one));
    batch.put(internal::key_of(internal::kStates, queue->record.id, number),
              state_of(entry, wall + visibility).encode());
  }
  auto writing = parts.store.commit(std::move(batch));
  std::vector<Received> whole;
  std::vector<Number> missing;
  for (auto& one : received) {
    auto message = co_await read(queue, one.number);
    if (message) {
      one.message = **message;
      whole.push_back(std::move(one));
      continue;
    }
    // A message that cannot be read now is seen again in its time; one that is not there never was.
    log::error("a message cannot be read",
               {{"queue", queue->record.name}, {"number", one.number}, {"error", message.error().message()}});
    if (message.error().code() == ErrorCode::NotFound) missing.push_back(one.number);
  }
  auto written = co_await std::move(writing);
  if (!written) {
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const auto* entry = index.find(taken[i]);
      if (entry != nullptr && entry->nonce == nonces[i]) index.give_back(taken[i]);
    }
    wake(*queue);
    co_return std::unexpected(written.error());
  }
  std::erase_if(missing, [&](Number number) {
    const auto* entry = index.find(number);
    return entry == nullptr || entry->state == EntryState::Leaving;
  });
  for (auto number : missing) index.withdraw(number);
  if (!missing.empty()) tasks.add(bury(queue, nullptr, std::move(missing)));
  figures.received.add(whole.size());
  co_return whole;
}

io::Task<Result<std::vector<Received>>> Queues::receive(std::string name, Wanted wanted,
                                                        std::shared_ptr<Listener> listener) {
  auto& state = *state_;
  while (true) {
    VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
    if (listener->is_cancelled) {
      // It may have been woken for a message, which is somebody else's now.
      state.wake(*queue);
      co_return std::vector<Received>();
    }
    bool is_named = queue->is_fifo() && !wanted.attempt.empty();
    if (is_named) {
      VIRGA_CO_TRY_ASSIGN(auto again, co_await state.take_again(queue, wanted));
      if (!again.empty()) co_return again;
    }
    VIRGA_CO_TRY_ASSIGN(auto received, co_await state.take(queue, wanted));
    if (is_named && !received.empty()) state.remember(*queue, wanted.attempt, received);
    if (!received.empty() || wanted.until.time() <= state.now()) co_return received;
    if (listener->is_cancelled) continue;
    listener->wake.reset();
    queue->listeners.push_back(listener);
    state.wake(*queue);
    auto woken = co_await listener->wake.wait(wanted.until);
    (void)woken;
    queue->listeners.remove(listener);
  }
}

}  // namespace virga::services::queue
