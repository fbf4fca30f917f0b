#include "virga/dispatch/internal/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace virga::dispatch {
namespace {

double nanoseconds_of(SteadyTime::duration time) {
  return static_cast<double>(std::chrono::nanoseconds(time).count());
}

// Rounding must not refuse the call that fills the burst exactly.
constexpr double kSlack = 1e-3;  // nanoseconds

}  // namespace

std::optional<std::chrono::nanoseconds> TokenBucket::take(Limit limit, SteadyTime now) {
  double interval = 1e9 / limit.per_second;
  double tolerance = (std::max(limit.burst, 1.0) - 1) * interval;
  ahead_ = std::max(0.0, ahead_ - nanoseconds_of(now - seen_));
  seen_ = now;
  if (ahead_ > tolerance + kSlack) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(ahead_ - tolerance)));
  }
  ahead_ += interval;
  return std::nullopt;
}

bool TokenBucket::is_full(SteadyTime now) const {
  return ahead_ <= nanoseconds_of(now - seen_);
}

}  // namespace virga::dispatch
