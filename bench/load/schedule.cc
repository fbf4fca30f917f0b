#include "bench/load/schedule.h"

#include <cmath>

namespace virga::load {
namespace {

// Exponential with mean 1. Written out because the standard leaves std::exponential_distribution to the library, and
// the same seed shall give the same run everywhere.
double exponential(std::mt19937_64& random) {
  double uniform = static_cast<double>(random() >> 11) * 0x1.0p-53;
  return -std::log1p(-uniform);
}

}  // namespace

Schedule::Schedule(const Plan& plan, unsigned share, unsigned shares)
    : plan_(plan),
      is_burst_(plan.at_once > 0),
      offset_(static_cast<double>(share) / shares),
      rate_(plan.rate / shares / 1e9),
      random_(plan.seed * 1000 + share) {
  if (!is_burst_ && plan_.arrivals == Arrivals::Poisson) position_ = exponential(random_);
  plan_.at_once = plan_.at_once / shares + (share < plan_.at_once % shares ? 1 : 0);
  next_ = moment();
}

bool Schedule::finished() const {
  if (is_burst_) return position_ >= static_cast<double>(plan_.at_once);
  return next_ >= plan_.ramp + plan_.length;
}

void Schedule::advance() {
  position_ += !is_burst_ && plan_.arrivals == Arrivals::Poisson ? exponential(random_) : 1.0;
  next_ = moment();
}

std::chrono::nanoseconds Schedule::moment() const {
  if (is_burst_) return std::chrono::nanoseconds(0);
  double due = plan_.arrivals == Arrivals::Poisson ? position_ : position_ + offset_;
  auto ramp = static_cast<double>(plan_.ramp.count());
  // The ramp holds rate * ramp / 2 requests; inside it, k requests have come after sqrt(2 k ramp / rate).
  double in_ramp = rate_ * ramp / 2;
  double nanoseconds = due < in_ramp ? std::sqrt(2 * due * ramp / rate_) : ramp + (due - in_ramp) / rate_;
  return std::chrono::nanoseconds(std::llround(nanoseconds));
}

}  // namespace virga::load
