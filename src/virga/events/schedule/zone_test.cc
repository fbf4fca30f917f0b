#include "virga/events/schedule/zone.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace virga::events {
namespace {

using namespace std::chrono;

std::string show(sys_seconds time) {
  auto day = floor<days>(time);
  year_month_day date(day);
  hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}
sys_seconds utc(int y, unsigned m, unsigned d, int h = 0, int min = 0) {
  return sys_days(year(y) / month(m) / day(d)) + hours(h) + minutes(min);
}
LocalTime local(int y, unsigned m, unsigned d, int h = 0, int min = 0) {
  return LocalTime(utc(y, m, d, h, min).time_since_epoch());
}
std::string first(const Zone& zone, LocalTime time) {
  auto found = zone.first_at(time);
  return found ? show(*found) : "never";
}

TEST(Zone, RefusesNamesThatAreNone) {
  for (const auto* name :
       {"Nowhere", "../passwd", "/etc/passwd", "Europe/", "Europe//Berlin", "Europe/Berlin\n", "Europe"}) {
    EXPECT_FALSE(Zone::load(name)) << name;
  }
  for (const auto* bytes : {"", "TZif", "hello, world, this is a text of more than forty-four bytes"}) {
    EXPECT_FALSE(Zone::parse(bytes)) << bytes;
  }
}

TEST(Zone, UtcIsAlwaysThere) {
  auto zone = Zone::load("UTC", "/nonexistent");
  ASSERT_TRUE(zone);
  EXPECT_EQ(first(*zone, local(2026, 7, 1, 12)), "2026-07-01T12:00:00");
}

TEST(Zone, KnowsSummerTimeNowAndBehindTheLastEntry) {
  auto berlin = Zone::load("Europe/Berlin");
  if (!berlin) GTEST_SKIP() << "there is no time zone database here (Debian: tzdata)";
  for (int year : {2024, 2026, 2037, 2038, 2099}) {
    EXPECT_EQ(first(*berlin, local(year, 1, 1, 12)), fmt::format("{}-01-01T11:00:00", year));
    EXPECT_EQ(first(*berlin, local(year, 7, 1, 12)), fmt::format("{}-07-01T10:00:00", year));
    EXPECT_EQ(berlin->to_local(utc(year, 7, 1, 10)), local(year, 7, 1, 12));
  }
  // 29 March 2026, 2:00 becomes 3:00; 25 October 2026, 3:00 becomes 2:00.
  EXPECT_EQ(first(*berlin, local(2026, 3, 29, 1, 59)), "2026-03-29T00:59:00");
  EXPECT_EQ(first(*berlin, local(2026, 3, 29, 2, 30)), "never");
  EXPECT_EQ(first(*berlin, local(2026, 3, 29, 3, 0)), "2026-03-29T01:00:00");
  EXPECT_EQ(first(*berlin, local(2026, 10, 25, 2, 30)), "2026-10-25T00:30:00");
  EXPECT_EQ(first(*berlin, local(2026, 10, 25, 3, 0)), "2026-10-25T02:00:00");
  EXPECT_EQ(first(*berlin, local(2050, 3, 27, 2, 30)), "never");
}

TEST(Zone, KnowsTheSouthAndOddOffsets) {
  auto sydney = Zone::load("Australia/Sydney");
  auto kolkata = Zone::load("Asia/Kolkata");
  auto samoa = Zone::load("Pacific/Apia");
  if (!sydney || !kolkata || !samoa) GTEST_SKIP() << "there is no time zone database here (Debian: tzdata)";
  EXPECT_EQ(first(*sydney, local(2045, 1, 1, 12)), "2045-01-01T01:00:00");
  EXPECT_EQ(first(*sydney, local(2045, 7, 1, 12)), "2045-07-01T02:00:00");
  EXPECT_EQ(first(*kolkata, local(2026, 1, 1, 0)), "2025-12-31T18:30:00");
  // The day that Samoa left out.
  EXPECT_EQ(first(*samoa, local(2011, 12, 30, 12)), "never");
}

}  // namespace
}  // namespace virga::events
