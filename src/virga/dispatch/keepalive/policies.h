#pragma once

#include <optional>

#include "virga/dispatch/keepalive/policy.h"

namespace virga::dispatch {

// The policy of the dispatcher: clock + uses x start cost / memory, where the clock rises to the priority of each
// instance that had to go, so that what is not used grows old (N. Young, "On-line file caching", 1998; for instances of
// functions: A. Fuerst and P. Sharma, "FaasCache", ASPLOS 2021).
//
// Uses are counted for each instance, not for each function: with the instance used last being used next, the second
// and third instance of a busy function have few uses and go early, as they should. Only so many uses count.
//
// The idle limit gives memory back that nobody asks for. As long as instances have to go for others there is none to
// give back: what one leaves the next one takes, and only its worth says which it should be.
class GreedyDual final : public KeepAlivePolicy {
 public:
  explicit GreedyDual(std::chrono::seconds idle_limit) : idle_limit_(idle_limit) {}
  void used(Kept& kept) override;
  double worth(const Kept& kept) const override { return kept.priority; }
  void evicted(const Kept& kept, SteadyTime now) override;
  std::chrono::seconds idle_limit(SteadyTime now) const override;

  double clock() const { return clock_; }

 private:
  std::chrono::seconds idle_limit_;
  double clock_ = 0;
  std::optional<SteadyTime> evicted_at_;  // the last time
};

// For comparison: the one that is idle for longest goes first.
class LeastRecentlyUsed : public KeepAlivePolicy {
 public:
  explicit LeastRecentlyUsed(std::chrono::seconds idle_limit) : idle_limit_(idle_limit) {}
  void used(Kept&) override {}
  double worth(const Kept& kept) const override;
  void evicted(const Kept&, SteadyTime) override {}
  std::chrono::seconds idle_limit(SteadyTime) const override { return idle_limit_; }

 private:
  std::chrono::seconds idle_limit_;
};

// For comparison: each is kept for ten minutes, and for less only when there is no room at all.
class TimeToLive final : public LeastRecentlyUsed {
 public:
  TimeToLive() : LeastRecentlyUsed(std::chrono::minutes(10)) {}
};

// An idle limit that is never reached.
inline constexpr std::chrono::seconds kForever = std::chrono::hours(24 * 365);

}  // namespace virga::dispatch
