#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "virga/base/clock.h"
#include "virga/events/call.h"
#include "virga/events/internal/keys.h"

namespace virga::events::internal {

// Which waiting call is next. Holds of each call what that needs, and no payload: a million of them are some 50 MB.
//
// Calls of one function and qualifier form a lane and leave it in the order in which they came; lanes take turns, so a
// lane with a million calls delays another one's by one call. How many of a lane run at a time follows what its
// function bears: more while calls do not wait for an instance, half when one was refused; then the lane rests, longer
// each time. No I/O and no clock of its own, so that it can run in simulated time. One thread.
class Lanes {
 public:
  struct Options {
    std::uint32_t first_window = 10;   // calls of a lane at a time, at first
    std::uint32_t most_at_once = 250;  // of all lanes together
    std::chrono::milliseconds first_rest = std::chrono::seconds(1);
    std::chrono::milliseconds longest_rest = std::chrono::minutes(5);
    std::chrono::milliseconds bearable_queue{10};  // a longer wait for an instance says that the function has enough
  };

  struct Lane;
  struct Entry {
    CallId id{};
    std::int64_t accepted_ms = 0;              // or redriven: what its age is counted from
    std::uint32_t spent = 0;                   // attempts since then
    bool has_history = false;                  // it was attempted before
    std::shared_ptr<const AcceptedCall> call;  // null: it has to be read
  };
  // A call that was taken out to be run, and has to be given back by one of the functions below.
  struct Ticket {
    Lane* lane = nullptr;
    Entry entry;
  };

  explicit Lanes(Options options);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void add(std::string_view lane, Entry entry);
  void add_later(std::string_view lane, Entry entry, SteadyTime due);

  // Whatever a function's calls were refused for may be over: its lanes rest no longer.
  void end_rests(std::string_view function);

  // The next call that may run now.
  std::optional<Ticket> next(SteadyTime now);
  // When next() may have something that it does not have now, if nothing else happens; SteadyTime::max(): never.
  SteadyTime next_change() const;

  // It ran and has ended for good. `queue`: how long it waited for an instance.
  void finish(const Ticket& ticket, std::chrono::microseconds queue);
  // It ran, failed, and runs again.
  void retry(Ticket ticket, std::chrono::microseconds queue, SteadyTime due);
  // It could not run. It is the lane's next one again, after the lane's rest.
  void refuse(Ticket ticket, SteadyTime now);

  std::uint64_t waiting() const { return waiting_; }  // not those that run
  std::uint32_t running() const { return running_; }
  static const std::string& name(const Lane& lane);

 private:
  struct Later {
    SteadyTime due;
    std::uint64_t order;  // those of one time leave in the order in which they came
    Lane* lane;
    Entry entry;
    bool operator>(const Later& other) const { return std::pair(due, order) > std::pair(other.due, other.order); }
  };

  Lane& lane_of(std::string_view name);
  void line_up(Lane& lane);
  void adapt(Lane& lane, std::chrono::microseconds queue);
  void leave(Lane& lane);
  void drop_if_empty(Lane& lane);
  void wake(SteadyTime now);

  Options options_;
  std::unordered_map<std::string, std::unique_ptr<Lane>> lanes_;
  std::list<Lane*> turns_;  // lanes with a call that may run
  std::multimap<SteadyTime, Lane*> resting_;
  std::priority_queue<Later, std::vector<Later>, std::greater<>> later_;
  std::uint64_t orders_ = 0;
  std::uint64_t waiting_ = 0;
  std::uint32_t running_ = 0;
};

}  // namespace virga::events::internal
