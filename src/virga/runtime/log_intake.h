#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/base/clock.h"

namespace virga::runtime {

// What an instance writes, made into whole lines and held to a rate, so that a flood costs its function its own lines
// and nobody else anything. One loop.
class LogIntake {
 public:
  static constexpr std::size_t kMaxLine = 256 << 10;       // bytes; longer lines are split
  static constexpr std::size_t kBytesPerSecond = 1 << 20;  // and as much at once after a quiet second
  explicit LogIntake(SteadyTime now) : refilled_(now) {}

  // Bytes from a pipe: whole lines are appended to `out`, the rest waits for its end.
  void add_bytes(std::string_view bytes, SteadyTime now, std::string& out);
  // Whole lines without the last newline, as LOG frames carry them.
  void add_lines(std::string_view lines, SteadyTime now, std::string& out);
  // What waits for its newline, for when no more will come.
  void finish(SteadyTime now, std::string& out);

  std::uint64_t dropped_bytes() const { return dropped_; }

 private:
  void append(std::string_view line, SteadyTime now, std::string& out);

  std::string partial_;
  SteadyTime refilled_;
  double budget_ = kBytesPerSecond;
  std::uint64_t dropped_ = 0;
  std::uint64_t dropped_in_row_ = 0;
};

}  // namespace virga::runtime
