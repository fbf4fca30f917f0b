#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "virga/io/task_group.h"
#include "virga/services/queue/internal/dedup.h"
#include "virga/services/queue/internal/index.h"
#include "virga/services/queue/internal/keys.h"
#include "virga/services/queue/internal/receive_attempts.h"
#include "virga/services/queue/queues.h"

namespace virga::services::queue {
namespace internal {

// One queue while Virga runs. Kept alive by those who are in the middle of something when it is removed.
struct Queue {
  Queue(io::Loop& loop, QueueRecord r)
      : record(std::move(r)),
        index(record.settings.is_fifo ? Ordering::ByGroup : Ordering::None),
        loaded(loop),
        next_change(loop) {}

  QueueRecord record;
  Index index;
  Dedup dedup;
  ReceiveAttempts attempts;
  io::Event loaded;  // all messages of before are in the index
  // Messages from this number on came since the start, and are in the index already.
  Number first_new = 0;
  bool is_gone = false;
  bool is_purging = false;
  std::list<std::shared_ptr<Queues::Listener>> listeners;  // who waits, the longest first
  io::Timer next_change;
  std::map<std::string, std::shared_ptr<io::Event>> repeats_coming;  // dedup hashes on their way to the disk

  bool is_fifo() const { return record.settings.is_fifo; }
};
using QueuePtr = std::shared_ptr<Queue>;

// Messages that need not be read again, up to a number of bytes. Those that find no room are read.
class Cache {
 public:
  explicit Cache(std::uint64_t most) : most_(most) {}
  void put(Number number, std::shared_ptr<const Message> message) {
    auto size = message->size() + kOverhead;
    if (used_ + size > most_ || !messages_.emplace(number, std::move(message)).second) return;
    used_ += size;
  }
  std::shared_ptr<const Message> find(Number number) const {
    auto place = messages_.find(number);
    return place == messages_.end() ? nullptr : place->second;
  }
  void erase(Number number) {
    auto place = messages_.find(number);
    if (place == messages_.end()) return;
    used_ -= place->second->size() + kOverhead;
    messages_.erase(place);
  }

 private:
  static constexpr std::size_t kOverhead = 400;
  std::uint64_t most_;
  std::uint64_t used_ = 0;
  std::unordered_map<Number, std::shared_ptr<const Message>> messages_;
};

struct Figures {
  explicit Figures(metrics::Registry& registry)
      : sent(registry.counter("virga_queue_sent_total", "Messages that queues took and acknowledged.")),
        repeats(registry.counter("virga_queue_repeats_total", "Messages that came again within five minutes.")),
        received(registry.counter("virga_queue_received_total", "Messages handed to receivers.")),
        deleted(registry.counter("virga_queue_deleted_total", "Messages deleted by receivers.")),
        dead(registry.counter("virga_queue_dead_letters_total",
                              "Messages moved to a dead-letter queue because they were received too often.")),
        expired(registry.counter("virga_queue_expired_total",
                                 "Messages removed because their queue's retention was over.")) {}
  metrics::Counter& sent;
  metrics::Counter& repeats;
  metrics::Counter& received;
  metrics::Counter& deleted;
  metrics::Counter& dead;
  metrics::Counter& expired;
};

}  // namespace internal

// What Queues is made of: queues in queues.cc, messages in sending.cc, receiving.cc and receipts.cc, and what
// has a name of its own in internal/.
struct Queues::State {
  using QueuePtr = internal::QueuePtr;

  State(Parts p, Options o)
      : parts(std::move(p)),
        options(o),
        figures(parts.metrics),
        cache(o.most_cached),
        tasks(parts.loop),
        stop_asked(parts.loop),
        cleaning(parts.loop) {}

  Parts parts;
  Options options;
  internal::Figures figures;
  internal::Cache cache;
  std::map<std::string, QueuePtr, std::less<>> queues;
  std::map<std::string, MoveTask> moves;
  io::TaskGroup tasks;
  io::Event stop_asked;

  // Numbers: those below `numbers_end` are on the disk as given out.
  Number next_number = 0;
  Number numbers_end = 0;
  bool is_growing = false;
  io::Timer cleaning;

  SteadyTime now() const { return parts.loop.now(); }
  WallTime wall() const { return parts.loop.clock().wall(); }
  Result<QueuePtr> find(std::string_view name) const;
  Result<> check(const internal::Queue& queue) const;  // whether it is still there
  // The next number; nullopt when the disk does not keep up, which is as bad as a disk that refuses.
  std::optional<Number> take_number();

  // ---- queues.cc ----
  io::Task<void> grow_numbers();
  io::Task<Result<>> write_record(QueuePtr queue, QueueRecord record);
  void wake(internal::Queue& queue);

  // ---- sending.cc ----
  std::shared_ptr<const Message> put_message(store::Batch& batch, internal::Queue& queue, Number number,
                                             Message message, WallTime visible, internal::Index::Arrival& arrival);
  void arrive(internal::Queue& queue, Number number, const internal::Index::Arrival& arrival,
              std::shared_ptr<const Message> message);

  // ---- receiving.cc ----
  io::Task<Result<std::shared_ptr<const Message>>> read(QueuePtr queue, Number number);
  io::Task<Result<std::vector<Received>>> take(QueuePtr queue, Wanted wanted);
  static internal::MessageState state_of(const internal::Index::Entry& entry, WallTime visible);

  // ---- internal/receive_again.cc ----
  io::Task<Result<std::vector<Received>>> take_again(QueuePtr queue, Wanted wanted);
  void remember(internal::Queue& queue, const std::string& attempt, const std::vector<Received>& received);

  // ---- internal/load.cc: what was there before, and what is over ----
  io::Task<void> load(QueuePtr queue);
  io::Task<void> load_dedups(QueuePtr queue);
  io::Task<std::vector<store::Record>> read_page(std::string prefix, std::string after);
  io::Task<void> clean();
  io::Task<void> clean_queue(QueuePtr queue);

  // ---- internal/dead_letters.cc ----
  // Takes out of `taken` what is not to be handed out, expired or received too often, and sees to it.
  void divert(const QueuePtr& queue, std::vector<Number>& taken);
  bool is_over(const internal::Queue& queue, const internal::Index::Entry& entry) const;
  // Of messages that were withdrawn: to that queue, or, if it is null, away.
  io::Task<void> bury(QueuePtr queue, QueuePtr to, std::vector<Number> numbers);
  io::Task<bool> drop(QueuePtr queue, std::vector<Number> numbers);
  enum class Reason { Dead, Moved };
  // Moves a message that was withdrawn to another queue, in one batch. It stays where it is if that fails.
  io::Task<Result<>> move(QueuePtr from, Number number, QueuePtr to, Reason reason);

  // ---- move_tasks.cc ----
  io::Task<void> run_move(std::string id);
  io::Task<bool> move_some(std::string id);
  io::Task<Result<>> write_move(std::string id);
  bool load_move(std::string_view id, std::string_view bytes);
  void forget_moves(const std::string& source, store::Batch& batch);
};

}  // namespace virga::services::queue
