// What is done with messages: the other half of Queues.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/id.h"
#include "virga/services/queue/internal/receipt.h"
#include "virga/services/queue/internal/state.h"
#include "virga/telemetry/log.h"

namespace virga::services::queue {
namespace {

using internal::Index;
using internal::Queue;
using internal::QueuePtr;
using internal::Receipt;
using EntryState = Index::State;

std::unexpected<Error> disk_refuses() {
  return fail(ErrorCode::Unavailable, "the disk refuses writes");
}

// The deduplication id that a message has if it brings none.
void complete(Message& message, const Settings& settings) {
  if (settings.is_fifo && settings.dedup_by_content && message.deduplication.empty()) {
    message.deduplication = to_hex(sha256(message.body));
  }
}

std::chrono::seconds delay_of(const Queues::Outgoing& outgoing, const Settings& settings) {
  return settings.is_fifo ? settings.delay : outgoing.delay.value_or(settings.delay);
}

}  // namespace

// ---- Sending.

std::shared_ptr<const Message> Queues::State::put_message(store::Batch& batch, Queue& queue, Number number,
                                                          Message message, WallTime visible, Index::Arrival& arrival) {
  auto id = queue.record.id;
  arrival.sent_ms = unix_milliseconds(message.sent);
  internal::MessageState state;
  state.visible = visible;
  state.sent = message.sent;
  state.group = message.group;
  batch.put(internal::key_of(internal::kMessages, id, number), message.encode());
  batch.put(internal::key_of(internal::kStates, id, number), state.encode());
  arrival.sent = now() - (wall() - message.sent);
  auto wait = visible - wall();
  arrival.due = now() + (wait.count() > 0 ? wait : WallTime::duration());
  auto shared = std::make_shared<const Message>(std::move(message));
  arrival.group = shared->group;
  return shared;
}

void Queues::State::arrive(Queue& queue, Number number, const Index::Arrival& arrival,
                           std::shared_ptr<const Message> message) {
  if (queue.is_gone) return;
  queue.index.add(number, arrival, now());
  cache.put(number, std::move(message));
  wake(queue);
}

io::Task<Result<std::vector<Queues::Sent>>> Queues::send(std::string name, std::vector<Outgoing> messages) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  std::vector<std::string> hashes(messages.size());
  if (queue->is_fifo()) {
    auto loaded = co_await queue->loaded.wait();
    (void)loaded;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      complete(messages[i].message, queue->record.settings);
      hashes[i] = internal::dedup_hash(messages[i].message, queue->record.settings);
      // The first one is acknowledged before a repeat of it is.
      while (auto coming = queue->repeats_coming.contains(hashes[i]) ? queue->repeats_coming.at(hashes[i]) : nullptr) {
        auto came = co_await coming->wait();
        (void)came;
      }
    }
  }
  // No wait from here to the commit: numbers are given out in the order of the commits.
  VIRGA_CO_TRY(state.check(*queue));
  struct New {
    Number number;
    std::string hash;
    Index::Arrival arrival;
    std::shared_ptr<const Message> message;
  };
  std::vector<New> arrivals;
  std::vector<Sent> sent;
  store::Batch batch;
  auto wall = state.wall();
  auto expires = state.now() + internal::kDedupTime;
  auto coming = std::make_shared<io::Event>(state.parts.loop);
  std::map<std::string, Sent> firsts;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& hash = hashes[i];
    if (auto first = firsts.find(hash); first != firsts.end()) {
      sent.push_back({first->second.id, first->second.number, true});
      continue;
    }
    if (const auto* known = hash.empty() ? nullptr : queue->dedup.find(hash, state.now())) {
      sent.push_back({known->message_id, known->number, true});
      continue;
    }
    auto number = state.take_number();
    if (!number) co_return disk_refuses();
    auto message = std::move(messages[i].message);
    message.id = make_ordered_uuid(wall, state.parts.random);
    message.sent = wall;
    sent.push_back({message.id, *number, false});
    New arrival{*number, hash, {}, nullptr};
    auto visible = wall + delay_of(messages[i], queue->record.settings);
    arrival.message = state.put_message(batch, *queue, *number, std::move(message), visible, arrival.arrival);
    if (!hash.empty()) {
      firsts.emplace(hash, sent.back());
      internal::DedupRecord record{wall + internal::kDedupTime, *number, sent.back().id};
      batch.put(internal::dedup_key(queue->record.id, hash), record.encode());
    }
    arrivals.push_back(std::move(arrival));
  }
  state.figures.repeats.add(sent.size() - arrivals.size());
  if (arrivals.empty()) co_return sent;
  for (const auto& [hash, first] : firsts) queue->repeats_coming.emplace(hash, coming);
  auto written = co_await state.parts.store.commit(std::move(batch));
  if (written) {
    for (const auto& arrival : arrivals) {
      if (!arrival.hash.empty()) queue->dedup.add(arrival.hash, {arrival.number, arrival.message->id, expires});
      state.arrive(*queue, arrival.number, arrival.arrival, arrival.message);
    }
    state.figures.sent.add(arrivals.size());
  }
  for (const auto& [hash, first] : firsts) queue->repeats_coming.erase(hash);
  coming->set();
  if (!written) co_return std::unexpected(written.error());
  co_return sent;
}

Result<std::function<void()>> Queues::add_to(store::Batch& batch, std::string_view name, Outgoing outgoing) {
  auto& state = *state_;
  VIRGA_TRY_ASSIGN(auto queue, state.find(name));
  auto message = std::move(outgoing.message);
  complete(message, queue->record.settings);
  auto hash = internal::dedup_hash(message, queue->record.settings);
  if (!hash.empty() && queue->dedup.find(hash, state.now()) != nullptr) {
    state.figures.repeats.add();
    return [] {};
  }
  auto number = state.take_number();
  if (!number) return disk_refuses();
  auto wall = state.wall();
  message.id = make_ordered_uuid(wall, state.parts.random);
  message.sent = wall;
  Index::Arrival arrival;
  auto visible = wall + delay_of(outgoing, queue->record.settings);
  auto id = message.id;
  auto shared = state.put_message(batch, *queue, *number, std::move(message), visible, arrival);
  if (!hash.empty()) {
    internal::DedupRecord record{wall + internal::kDedupTime, *number, id};
    batch.put(internal::dedup_key(queue->record.id, hash), record.encode());
  }
  auto expires = state.now() + internal::kDedupTime;
  return [this, queue, number = *number, arrival, shared, hash, expires] {
    if (!hash.empty()) queue->dedup.add(hash, {number, shared->id, expires});
    state_->arrive(*queue, number, arrival, shared);
    state_->figures.sent.add();
  };
}

// ---- Receiving.

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

// ---- Deleting and hiding.

io::Task<Result<std::vector<Result<>>>> Queues::erase(std::string name, std::vector<std::string> receipts) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto queue, state.find(name));
  std::vector<Result<>> results(receipts.size());
  std::vector<std::optional<Receipt>> parsed;
  parsed.reserve(receipts.size());
  for (const auto& text : receipts) parsed.push_back(Receipt::decode(text));
  for (const auto& receipt : parsed) {
    if (!receipt || queue->loaded.is_set() || queue->index.find(receipt->number) != nullptr) continue;
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
  for (const auto& receipt : parsed) {
    if (!receipt || queue->loaded.is_set() || queue->index.find(receipt->number) != nullptr) continue;
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
