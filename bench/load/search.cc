#include "bench/load/search.h"

#include <algorithm>

namespace virga::load {

bool Conditions::hold(const Results& results) const {
  return results.scheduled > 0 && results.success_ratio() >= success_ratio && results.latency.mean() < mean_ms * 1e6;
}

std::optional<double> Search::next() const {
  if (runs_ >= limits_.runs) return std::nullopt;
  if (!held_ && !missed_) return limits_.lowest;
  if (!missed_) {
    if (*held_ >= limits_.highest) return std::nullopt;
    return std::min(*held_ * 2, limits_.highest);
  }
  if (!held_) {
    if (*missed_ <= 1) return std::nullopt;
    return std::max(*missed_ / 2, 1.0);
  }
  if (*missed_ <= *held_ * (1 + limits_.precision)) return std::nullopt;
  return (*held_ + *missed_) / 2;
}

void Search::record(double rate, bool held) {
  ++runs_;
  if (held) {
    held_ = std::max(held_.value_or(rate), rate);
  } else {
    missed_ = std::min(missed_.value_or(rate), rate);
  }
}

}  // namespace virga::load
