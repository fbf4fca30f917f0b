#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace virga::load {

enum class Arrivals { Constant, Poisson };

// When requests are meant to be sent: a fixed plan that no answer changes (open loop). While it ramps up, the rate
// grows in a straight line from 0 to `rate`; then it stays for `length`.
struct Plan {
  double rate = 0;  // requests a second, of all threads together
  std::chrono::nanoseconds ramp{0};
  std::chrono::nanoseconds length{0};
  Arrivals arrivals = Arrivals::Constant;
  std::uint64_t seed = 1;  // of Poisson arrivals
  // A burst: so many requests, all due at the start. Everything above means nothing then.
  std::uint64_t at_once = 0;
};

// One thread's share of a plan: moments since its start, in order. A value; one thread.
//
// The rate is turned into moments by its integral: the k-th request is due when k requests have come in the mean. For a
// constant rate k counts in whole numbers, for Poisson arrivals in exponential steps.
class Schedule {
 public:
  Schedule(const Plan& plan, unsigned share, unsigned shares);

  bool finished() const;
  std::chrono::nanoseconds next() const { return next_; }
  void advance();

 private:
  std::chrono::nanoseconds moment() const;

  Plan plan_;
  bool is_burst_;
  double position_ = 0;  // in requests of this share
  double offset_ = 0;    // so that the shares of a constant rate take turns
  double rate_ = 0;      // of this share, per nanosecond
  std::mt19937_64 random_;
  std::chrono::nanoseconds next_{0};
};

}  // namespace virga::load
