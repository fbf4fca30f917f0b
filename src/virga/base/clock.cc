#include "virga/base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace virga {
namespace {

class SystemClock final : public Clock {
 public:
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

std::string format_with_zone(WallTime time, const char* zone) {
  auto milliseconds = unix_milliseconds(time);
  std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, milliseconds % 1000, zone);
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_rfc3339(WallTime time) {
  return format_with_zone(time, "Z");
}
std::string format_lambda_time(WallTime time) {
  return format_with_zone(time, "+0000");
}

std::int64_t unix_milliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime wall_time_at(std::uint64_t unix_milliseconds) {
  auto last = std::chrono::duration_cast<std::chrono::milliseconds>(WallTime::max().time_since_epoch());
  auto number = std::min(unix_milliseconds, static_cast<std::uint64_t>(last.count()));
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
}

}  // namespace virga
