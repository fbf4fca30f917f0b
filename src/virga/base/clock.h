#pragma once

#include <chrono>
#include <string>

namespace virga {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Every part that looks at the time is given one of these, so that a test can turn the hands. Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime steady() const = 0;  // for durations and deadlines; never jumps
  virtual WallTime wall() const = 0;      // for people and protocols; may jump
};

const Clock& system_clock();

// 2026-11-23T16:30:56.123Z (RFC 3339, UTC, milliseconds).
std::string format_rfc3339(WallTime time);
// 2026-11-23T16:30:56.123+0000, as AWS Lambda writes LastModified.
std::string format_lambda_time(WallTime time);
std::int64_t unix_milliseconds(WallTime time);
// And back. Any number, as a damaged record may have: beyond what WallTime can hold (the year 2262) it is the last
// time.
WallTime wall_time_at(std::uint64_t unix_milliseconds);

}  // namespace virga
