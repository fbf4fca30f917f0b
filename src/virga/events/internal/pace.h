#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "virga/base/clock.h"

namespace virga::events::internal {

// So many beginnings a second at most, and after a pause a few at once. No clock of its own. One thread.
class Pace {
 public:
  Pace(std::uint32_t per_second, std::uint32_t at_once)
      : spacing_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second), at_once_(at_once) {}

  // How many may begin now.
  std::uint32_t left(SteadyTime now) const {
    if (now < next_) return 0;
    return static_cast<std::uint32_t>(std::min<std::int64_t>((now - next_) / spacing_ + 1, at_once_));
  }
  void begin(SteadyTime now) { next_ = std::max(next_, now - spacing_ * (at_once_ - 1)) + spacing_; }
  // When the next one may.
  SteadyTime next() const { return next_; }

 private:
  std::chrono::nanoseconds spacing_;
  std::int64_t at_once_;
  SteadyTime next_{};
};

}  // namespace virga::events::internal
