#pragma once

#include <chrono>
#include <cstddef>

#include "virga/base/clock.h"
#include "virga/model/units.h"

namespace virga::dispatch {

// An instance as a keep-alive policy sees it. Embedded in what owns the instance.
struct Kept {
  static constexpr std::size_t kNotCounted = static_cast<std::size_t>(-1);

  model::Bytes memory;                     // resident
  std::chrono::microseconds start_cost{};  // what it would take to have it again
  bool is_idle = false;
  SteadyTime since;                 // when it was last given a call, or became idle
  double uses = 0;                  // the policy's
  double priority = 0;              // the policy's
  std::size_t index = kNotCounted;  // the keeper's
};

// Which idle instance goes first when memory is short. Bookkeeping alone: no I/O, and the time is handed in. One loop.
class KeepAlivePolicy {
 public:
  virtual ~KeepAlivePolicy() = default;
  // A call was given to it. On the way of every call: constant time, nothing allocated.
  virtual void used(Kept& kept) = 0;
  // What keeping it is worth; the lowest goes first.
  virtual double worth(const Kept& kept) const = 0;
  // It had to go because of its worth.
  virtual void evicted(const Kept& kept, SteadyTime now) = 0;
  // One that is idle for longer goes although there is room.
  virtual std::chrono::seconds idle_limit(SteadyTime now) const = 0;
};

}  // namespace virga::dispatch
