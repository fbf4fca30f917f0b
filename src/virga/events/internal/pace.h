#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "virga/base/clock.h"

namespace virga::events::internal {

// So many beginnings a second at most, and after a pause a few at once; and one more for each thing that came, so that
// what waits does not grow for want of beginnings. No clock of its own. One thread.
class Pace {
 public:
  Pace(std::uint32_t per_second, std::uint32_t at_once)
      : spacing_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second), at_once_(at_once) {}

  // How many may begin now.
  std::uint32_t left(SteadyTime now) const {
    if (now < next_) return came_;
    return came_ + static_cast<std::uint32_t>(std::min<std::int64_t>((now - next_) / spacing_ + 1, at_once_));
  }
  void begin(SteadyTime now) {
    if (came_ > 0) {
      --came_;
    } else {
      next_ = std::max(next_, now - spacing_ * (at_once_ - 1)) + spacing_;
    }
  }
  void come() { came_ = std::min(came_ + 1, kMostCame); }
  void forget() { came_ = 0; }  // what came begins without this
  // When the next one may, if nothing comes.
  SteadyTime next() const { return next_; }

 private:
  static constexpr std::uint32_t kMostCame = 1'000;  // is not owed for ever

  std::chrono::nanoseconds spacing_;
  std::int64_t at_once_;
  SteadyTime next_{std::chrono::seconds(-1)};  // long ago, even for a clock that begins at nothing
  std::uint32_t came_ = 0;
};

}  // namespace virga::events::internal
