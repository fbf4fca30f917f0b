#pragma once

#include <chrono>
#include <cstddef>

#include "virga/dispatch/internal/lineup.h"
#include "virga/model/units.h"

namespace virga::dispatch {

// The decisions about numbers alone: how many instances a version needs, and how many calls may lie in one's socket.

// A running mean of durations, new ones counting a sixteenth.
class MeanTime {
 public:
  void add(std::chrono::microseconds time);
  bool is_known() const { return microseconds_ > 0; }
  double microseconds() const { return microseconds_; }

 private:
  double microseconds_ = 0;
};

// How long a call waits before another instance is thought of, if one is there already: queues of short calls come and
// go within a round of the loop.
inline constexpr std::chrono::milliseconds kPatience{10};
// Starts of a version under way at once: more of them on a few cores only make each one slower.
inline constexpr std::size_t kMaxStarting = 4;

struct Demand {
  std::size_t queued = 0;     // calls that no instance has
  std::size_t instances = 0;  // with those that start
  std::size_t starting = 0;
  std::chrono::nanoseconds oldest_wait{};         // of the first call in the queue
  MeanTime run_time;                              // of a call
  MeanTime start_time;                            // of an instance
  std::size_t concurrency = 1;                    // calls that an instance runs at a time
  std::chrono::nanoseconds patience = kPatience;  // 0 where a start costs hardly anything
};

// Whether one more start shortens the wait: the queue x run time / instances is longer than a start takes.
bool wants_another(const Demand& demand);

// How long one more call would wait while no further instance can be started.
std::chrono::microseconds expected_wait(const Demand& demand);

// Whether a pool should give one of its instances up to another when neither can have a further one: only while that
// makes them more alike, so that no instance goes to and fro.
bool should_yield(model::Bytes held, model::Bytes one_of_held, model::Bytes others, model::Bytes one_of_others);

// How many calls an instance may have at once, the one that runs included, so that those in its socket are a little
// work; 0 while nothing is known of how long they run.
std::size_t prefetch_depth(const MeanTime& run_time);
// The same for calls so short that waking another process would cost more.
std::size_t burst_depth(const MeanTime& run_time);

// Where an instance with so many calls stands in the lineup: at their number, or, where it runs so many at a time that
// the lineup has not that many places, in proportion. 0 only without any call.
std::size_t lineup_depth(std::size_t calls, std::size_t concurrency);

// Whether the run time of an instance's first call says something about the next ones: its code is not warm yet, unless
// it is long because of what it does.
bool is_telling(std::chrono::microseconds first_run);

}  // namespace virga::dispatch
