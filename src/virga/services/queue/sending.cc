// Messages on their way into queues.

#include <utility>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/id.h"
#include "virga/services/queue/internal/state.h"

namespace virga::services::queue {
namespace {

using internal::Index;
using internal::Queue;

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

}  // namespace virga::services::queue
