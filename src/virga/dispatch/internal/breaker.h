#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "virga/base/clock.h"

namespace virga::dispatch {

// A circuit breaker: when too large a share of the calls of the last second failed, calls stop for a while, then single
// ones try whether it works again. Pure; the time is handed in.
//
// Closed, until in the last ten windows of 100 ms at least kMinimumCalls ended and the share of failures reaches the
// threshold. Open for kFirstPause, and twice as long after each trial that failed, up to kLongestPause. Then half-open:
// one call at a time goes through; kTrials successes in a row close it.
class Breaker {
 public:
  static constexpr std::uint32_t kMinimumCalls = 10;
  static constexpr std::uint32_t kTrials = 3;
  static constexpr std::chrono::seconds kFirstPause{1};
  static constexpr std::chrono::seconds kLongestPause{30};

  enum class State { Closed, Open, HalfOpen };
  enum class Verdict { Run, Trial, Refuse };
  enum class Ended { Well, Failed, NotRun };

  Verdict ask(SteadyTime now);
  // Exactly once for each call that ask() let go, with what ask() said. `threshold` is a share in (0, 1]. True when
  // this opened it.
  bool record(Verdict verdict, Ended ended, double threshold, SteadyTime now);
  // While it refuses: how long until a trial may run.
  std::chrono::nanoseconds wait(SteadyTime now) const;

  State state() const { return state_; }
  // Of what opened it last.
  std::uint32_t failed() const { return failed_; }
  std::uint32_t ended() const { return ended_; }

 private:
  static constexpr std::chrono::milliseconds kWindow{100};
  struct Window {
    std::int64_t number = -1;  // of kWindow since the clock's beginning
    std::uint32_t ended = 0;
    std::uint32_t failed = 0;
  };
  bool is_over(double threshold, std::int64_t number);
  void open(SteadyTime now, std::chrono::nanoseconds pause);

  State state_ = State::Closed;
  std::array<Window, 10> windows_;
  SteadyTime until_{};  // open until then
  std::chrono::nanoseconds pause_{};
  bool trial_runs_ = false;
  std::uint32_t trials_ = 0;  // that succeeded
  std::uint32_t failed_ = 0;
  std::uint32_t ended_ = 0;
};

}  // namespace virga::dispatch
