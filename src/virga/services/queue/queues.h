#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/services/queue/message.h"
#include "virga/services/queue/settings.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::services::queue {

// Message queues. A message that is acknowledged is on the disk, and is handed out until a receiver deletes it or its
// queue's retention is over. What receivers were told is on the disk too: a message that is hidden stays hidden over a
// restart. Semantics are those of Amazon SQS (developer guide); its words are the dialect's. One loop.
//
// Errors of all calls:
//   NotFound            there is no such queue (moves: no such task)
//   InvalidArgument     a value makes no sense here
//   AlreadyExists       a queue of this name has other settings
//   PreconditionFailed  nobody here made this receipt, or it is no longer the message's
//   Conflict            the message is not in flight; a purge or a move of this queue is still running
//   ResourceExhausted   too many messages of the queue are in flight, or the disk is full
//   Unavailable         Virga is stopping, or the disk refuses writes
class Queues {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    Random& random;
    metrics::Registry& metrics;
    std::string arn_prefix;  // of queues: "arn:aws:sqs:us-east-1:000000000000:"
  };
  struct Options {
    std::uint64_t most_out = 120'000;         // messages of one queue in flight
    std::uint64_t most_cached = 32ull << 20;  // bytes of messages that need not be read again
  };

  // Reads what queues there are, blocking; for the start, before the loop runs. `store` is the one below parts.store.
  static Result<std::unique_ptr<Queues>> open(Parts parts, Options options, store::Store& store);
  ~Queues();
  Queues(const Queues&) = delete;
  Queues& operator=(const Queues&) = delete;

  // Begins to read the messages of before, in the background; whoever asks meanwhile gets those that are there.
  void serve();
  // From here on nothing is accepted, and who waits for a message gets none.
  void close();
  io::Task<void> stop();  // after close()

  // ---- queues ----
  io::Task<Result<>> create(std::string name, Settings settings, Tags tags);  // again with the same settings: success
  io::Task<Result<>> change(std::string name, Settings settings);
  io::Task<Result<>> change_tags(std::string name, Tags set, std::vector<std::string> removed);
  io::Task<Result<>> remove(std::string name);  // with its messages
  io::Task<Result<>> purge(std::string name);   // all messages that it has now

  struct Counts {
    std::uint64_t ready = 0;  // can be received
    std::uint64_t out = 0;    // were, and are hidden
    std::uint64_t delayed = 0;
  };
  std::vector<std::string> names(std::string_view prefix) const;  // in order
  Result<QueueRecord> describe(std::string_view name) const;
  Result<Counts> counts(std::string_view name) const;
  std::vector<std::string> dead_letter_sources(
      std::string_view name) const;  // queues that send their dead letters there
  std::string arn_of(std::string_view name) const;

  // ---- messages (sending.cc, receiving.cc, receipts.cc) ----
  struct Outgoing {
    Message message;  // its id and time are given here; with groups, the deduplication id of the content as well
    std::optional<std::chrono::seconds> delay;
  };
  struct Sent {
    std::string id;
    Number number = 0;
    bool is_repeat = false;  // of a message that came within the last five minutes
  };
  // Together or not at all, in their order.
  io::Task<Result<std::vector<Sent>>> send(std::string name, std::vector<Outgoing> messages);
  // The same as part of somebody's batch, committed at once. What is answered is called when the batch is on the disk.
  Result<std::function<void()>> add_to(store::Batch& batch, std::string_view name, Outgoing outgoing);

  // A receiver that waits, so that it can be told to give up. shared_ptr: by the one who waits and the one who tells.
  struct Listener {
    explicit Listener(io::Loop& loop) : wake(loop) {}
    void cancel() {
      is_cancelled = true;
      wake.set();
    }
    io::Event wake;
    bool is_cancelled = false;
  };
  std::shared_ptr<Listener> make_listener() const;
  struct Wanted {
    std::size_t most = 1;
    std::optional<std::chrono::seconds> visibility;  // nullopt: as the queue says
    // A name for this receive, of queues with groups: who asks again with it within five minutes gets the same. "":
    // none
    std::string attempt;
    io::Deadline until = io::Deadline::at({});  // waits as long for a first message
  };
  // Some messages that can be seen now, or the first ones that come; none at the deadline or when it is cancelled.
  io::Task<Result<std::vector<Received>>> receive(std::string name, Wanted wanted, std::shared_ptr<Listener> listener);

  // For each receipt in turn. An old receipt of a message that was received again since deletes nothing, and that is no
  // error, but for queues with groups.
  io::Task<Result<std::vector<Result<>>>> erase(std::string name, std::vector<std::string> receipts);
  // From when it was received; a message is out no longer than that, however often it is hidden.
  static constexpr std::chrono::hours kLongestOut{12};
  struct Hiding {
    std::string receipt;
    std::chrono::seconds time;  // from now; 0: to be seen at once
  };
  io::Task<Result<std::vector<Result<>>>> hide(std::string name, std::vector<Hiding> hidings);

  // ---- moving dead letters back (move_tasks.cc) ----
  struct MoveTask {
    enum class Status { Running, Completed, Cancelling, Cancelled, Failed };
    std::string id;
    std::string source;            // name
    std::string destination;       // name; "": each message goes back to where it came from
    std::uint32_t per_second = 0;  // 0: as fast as it goes
    WallTime started;
    std::uint64_t moved = 0;
    std::uint64_t to_move = 0;
    Status status = Status::Running;
    std::string failure;
  };
  io::Task<Result<std::string>> start_move(std::string source, std::string destination, std::uint32_t per_second);
  io::Task<Result<MoveTask>> cancel_move(std::string id);
  // The latest first.
  Result<std::vector<MoveTask>> moves(std::string_view source) const;

 private:
  struct State;
  explicit Queues(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

std::string_view name(Queues::MoveTask::Status status);  // as SQS has it: "RUNNING"

}  // namespace virga::services::queue
