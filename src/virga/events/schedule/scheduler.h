#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/events/schedule/plan.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::events {

// One time for which a schedule fires.
struct Fire {
  std::string id;
  std::string payload;  // what was given with the schedule
  UtcTime due;
  bool is_last = false;  // no other time follows
};

// What became of it.
struct Handled {
  bool is_good = false;
  std::string result;                           // for people: "sent to ARN", or why not
  std::vector<std::function<void()>> arrivals;  // to be called once the batch is on the disk
};

// Whose schedules they are, and what they do. One loop.
class ScheduleOwner {
 public:
  virtual ~ScheduleOwner() = default;
  // Adds what has to happen to the batch, which is also what says that the schedule has fired.
  virtual Handled fire(const Fire& fire, store::Batch& batch) = 0;
  // The schedule fires within kAhead: a time to make ready what its targets need. Only a hint: it may come twice, or
  // for a schedule that is taken back before it fires.
  virtual void coming(const std::string& id, const std::string& payload) = 0;
  // Longer than most cold starts, and short enough that nothing is held for long.
  static constexpr std::chrono::seconds kAhead{3};
};

// What is written down of a firing, together with all that it does.
struct FiringRecord {
  enum class State { Sent, Failed, Missed } state = State::Sent;
  std::string id;
  UtcTime due;
  WallTime fired;
  std::optional<UtcTime> missed_to;  // Missed: the last time of those that were, `due` being the first
  std::string result;
};

// Fires schedules. That one has fired for a time is written in one batch with what it does, so it never does it twice
// for the same time and never forgets one: what was due while Virga was down or the clock jumped is treated as the plan
// says (Missed), and is found among the firings. When the clock is put back, nothing fires until it is past what has
// fired already. One loop.
class Scheduler {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    metrics::Registry& metrics;
  };
  explicit Scheduler(Parts parts);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Schedules whose ids begin with `prefix` are this owner's, which outlives the scheduler's stop().
  void add_owner(std::string prefix, ScheduleOwner& owner);
  // Reads the schedules of before. Blocks; before serve().
  Result<> load(const store::Store& store);
  void serve();
  void close();  // nothing fires from here on
  io::Task<void> stop();

  // For a change that is committed with others: adds it to the batch. What is answered has to be called once the batch
  // is on the disk. Times up to now do not count. InvalidArgument: the plan makes no sense.
  Result<std::function<void()>> put(store::Batch& batch, const std::string& id, const PlanText& plan,
                                    std::string_view payload);
  std::function<void()> remove(store::Batch& batch, const std::string& id);

  bool contains(const std::string& id) const;
  io::Task<Result<std::optional<std::string>>> payload(std::string id);
  // Ids and payloads of those whose ids begin with `prefix`, in order, behind the id `after` ("": from the first one).
  io::Task<Result<std::vector<store::Record>>> list(std::string prefix, std::string after, std::size_t limit);
  // The latest firings of a schedule, newest first. They are kept for a week.
  io::Task<Result<std::vector<FiringRecord>>> firings(std::string id, std::size_t limit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::events
