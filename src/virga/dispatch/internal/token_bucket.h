#pragma once

#include <chrono>
#include <optional>

#include "virga/base/clock.h"

namespace virga::dispatch {

// Lets calls through at a rate, and a burst of them after a quiet time, by the generic cell rate algorithm (ITU-T
// I.371): one number, no timer. Pure; the time is handed in and never goes back.
class TokenBucket {
 public:
  // `per_second` > 0, `burst` >= 1.
  struct Limit {
    double per_second = 1;
    double burst = 1;
  };

  // Nothing: the call may go. Otherwise how long until one may, and nothing is counted.
  std::optional<std::chrono::nanoseconds> take(Limit limit, SteadyTime now);
  // Nothing is owed: forgetting the bucket changes nothing.
  bool is_full(SteadyTime now) const;

 private:
  SteadyTime seen_{};
  double ahead_ = 0;  // nanoseconds of calls at the rate that were let through early, at `seen_`
};

}  // namespace virga::dispatch
