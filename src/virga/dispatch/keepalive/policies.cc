#include "virga/dispatch/keepalive/policies.h"

#include <algorithm>

namespace virga::dispatch {
namespace {

// More uses than these say no more: what was busy yesterday must not hold its memory until the clock has risen by all
// of its calls. In bench/keepalive 10 is better than 100 and than no bound, on every seed that was tried.
constexpr double kMostUses = 10;

}  // namespace

void GreedyDual::used(Kept& kept) {
  kept.uses = std::min(kept.uses + 1, kMostUses);
  // What is not measured yet counts as small and costly rather than dividing by nothing.
  auto mebibytes = std::max(0.1, static_cast<double>(kept.memory.count) / (1 << 20));
  auto cost = std::max(1.0, static_cast<double>(kept.start_cost.count()));
  kept.priority = clock_ + kept.uses * cost / mebibytes;
}

void GreedyDual::evicted(const Kept& kept, SteadyTime now) {
  clock_ = std::max(clock_, kept.priority);
  evicted_at_ = now;
}

std::chrono::seconds GreedyDual::idle_limit(SteadyTime now) const {
  bool is_short = evicted_at_ && now - *evicted_at_ < idle_limit_;
  return is_short ? kForever : idle_limit_;
}

double LeastRecentlyUsed::worth(const Kept& kept) const {
  return static_cast<double>(kept.since.time_since_epoch().count());
}

}  // namespace virga::dispatch
