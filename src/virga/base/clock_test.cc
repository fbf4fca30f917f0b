#include "virga/base/clock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace virga {
namespace {

TEST(WallTimes, AreReadFromMillisecondsAsTheyWereWritten) {
  for (std::uint64_t milliseconds : {std::uint64_t{0}, std::uint64_t{1'700'000'000'123}}) {
    EXPECT_EQ(static_cast<std::uint64_t>(unix_milliseconds(wall_time_at(milliseconds))), milliseconds);
  }
  EXPECT_EQ(format_rfc3339(wall_time_at(1'700'000'000'123)), "2023-11-14T22:13:20.123Z");
}

TEST(WallTimes, OfNumbersThatAreNoneAreTheLastThereIs) {
  auto last = wall_time_at(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(format_rfc3339(last).substr(0, 4), "2262");
  EXPECT_EQ(wall_time_at(std::uint64_t{1} << 63), last);
}

}  // namespace
}  // namespace virga
