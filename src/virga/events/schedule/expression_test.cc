#include "virga/events/schedule/expression.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace virga::events {
namespace {

using namespace std::chrono;

UtcTime utc(const std::string& text) {  // 2026-01-31T10:00:00
  auto number = [&](std::size_t from, std::size_t count) { return std::stoi(text.substr(from, count)); };
  return sys_days(year(number(0, 4)) / number(5, 2) / number(8, 2)) + hours(number(11, 2)) + minutes(number(14, 2)) +
         seconds(number(17, 2));
}
std::string show(std::optional<UtcTime> time) {
  if (!time) return "never";
  auto day = floor<days>(*time);
  year_month_day date(day);
  hh_mm_ss clock(*time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

TEST(Expression, RefusesWhatIsNone) {
  for (const auto* text : {
           "",
           "rate",
           "rate()",
           "rate(5)",
           "rate(0 minutes)",
           "rate(-1 minutes)",
           "rate(5 weeks)",
           "rate(5minutes)",
           "rate(1.5 hours)",
           "rate(5 minutes",
           "cron()",
           "cron(* * * * *)",
           "Rate(5 minutes)",
           "every(5 minutes)",
           "at(2027-01-01)",
           "at(2027-02-29T00:00:00)",
           "at(2027-01-01T24:00:00)",
           "at(2027-01-01 00:00:00)",
           "at(2027-01-01T00:00:00Z)",
           "rate(99999999999999 days)",
       }) {
    EXPECT_FALSE(Expression::parse(text)) << text;
  }
}

TEST(Expression, FindsTheNextTime) {
  struct Case {
    const char* text;
    const char* zone;
    const char* after;
    const char* next;
  };
  const Case cases[] = {
      {"rate(1 minute)", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:01:00"},
      {"rate(7 minutes)", "UTC", "2026-01-01T00:20:59", "2026-01-01T00:21:00"},
      {"rate(1 day)", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-30T00:00:00"},
      {"rate(2 hours)", "UTC", "2025-06-01T00:00:00", "2026-01-01T00:00:00"},  // before the anchor
      {"at(2026-07-01T12:00:00)", "UTC", "2026-01-01T00:00:00", "2026-07-01T12:00:00"},
      {"at(2026-07-01T12:00:00)", "Europe/Berlin", "2026-01-01T00:00:00", "2026-07-01T10:00:00"},
      {"at(2026-07-01T12:00:00)", "UTC", "2026-07-01T12:00:00", "never"},
      {"at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-01-01T00:00:00", "2026-03-29T01:00:00"},
      {"cron(0 9 * * ? *)", "America/New_York", "2026-03-07T14:00:00", "2026-03-08T13:00:00"},
      // 2:30 does not come on 29 March, and comes twice on 25 October.
      {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T01:30:00", "2026-03-30T00:30:00"},
      {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T00:30:00", "2026-10-25T00:30:00"},
      {"cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:30:00", "2026-10-26T01:30:00"},
      {"cron(0/15 * * * ? *)", "Europe/Berlin", "2026-10-25T00:45:00", "2026-10-25T02:00:00"},
      {"cron(0/15 * * * ? *)", "Europe/Berlin", "2026-03-29T00:45:00", "2026-03-29T01:00:00"},
      {"cron(0/15 * * * ? *)", "Europe/Berlin", "2026-10-25T01:10:00", "2026-10-25T02:00:00"},
  };
  for (const auto& [text, name, after, next] : cases) {
    auto expression = Expression::parse(text);
    ASSERT_TRUE(expression) << text << ": " << expression.error().message();
    auto zone = Zone::load(name);
    if (!zone) continue;  // said by the test of zones
    EXPECT_EQ(show(expression->next_after(utc(after), utc("2026-01-01T00:00:00"), *zone)), next)
        << text << " after " << after << " in " << name;
  }
}

TEST(Expression, SpreadsOverAWindow) {
  auto due = utc("2026-01-01T00:00:00");
  std::set<std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto later = spread(seed, due, seconds(600));
    EXPECT_GE(later.count(), 0);
    EXPECT_LT(later.count(), 600);
    EXPECT_EQ(later, spread(seed, due, seconds(600)));
    seen.insert(later.count());
  }
  EXPECT_GT(seen.size(), 100u);
  EXPECT_EQ(spread(7, due, seconds(0)).count(), 0);
}

}  // namespace
}  // namespace virga::events
