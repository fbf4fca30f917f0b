#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "virga/base/clock.h"

namespace virga::services::queue::internal {

// How many batches of a mapping run at a time: more while they succeed, half when its function has no room, and then
// none for a rest that grows. No I/O and no clock of its own. One thread.
class PollWindow {
 public:
  // Lambda begins with five and goes up from there (developer guide, "Configuring scaling behavior for SQS event source
  // mappings").
  static constexpr std::uint32_t kFirst = 5;
  static constexpr std::uint32_t kMost = 250;
  static constexpr std::chrono::milliseconds kFirstRest{100};
  static constexpr std::chrono::milliseconds kLongestRest{10'000};

  // `most`: 0 for kMost.
  void set_most(std::uint32_t most) {
    most_ = most == 0 ? kMost : std::min(most, kMost);
    size_ = std::min(size_, most_);
  }

  bool may_begin(SteadyTime now) const { return running_ < size_ && now >= rests_until_; }
  // When may_begin() turns true if nothing ends before; SteadyTime::max(): only an end helps.
  SteadyTime next_change() const { return running_ < size_ ? rests_until_ : SteadyTime::max(); }
  std::uint32_t size() const { return size_; }
  std::uint32_t running() const { return running_; }

  void begin() { ++running_; }
  void end() { --running_; }
  // One ran.
  void grow() {
    if (running_ >= size_) size_ = std::min(size_ + 1, most_);
    rest_ = kFirstRest;
  }
  // One could not run. How long it is to wait before it is tried again.
  std::chrono::milliseconds refuse(SteadyTime now) {
    size_ = std::max<std::uint32_t>(size_ / 2, 1);
    auto rest = rest_;
    rests_until_ = std::max(rests_until_, now + rest);
    rest_ = std::min(rest_ * 2, kLongestRest);
    return rest;
  }

 private:
  std::uint32_t most_ = kMost;
  std::uint32_t size_ = kFirst;
  std::uint32_t running_ = 0;
  std::chrono::milliseconds rest_ = kFirstRest;
  SteadyTime rests_until_{};
};

}  // namespace virga::services::queue::internal
