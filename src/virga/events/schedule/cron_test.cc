#include "virga/events/schedule/cron.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace virga::events {
namespace {

using namespace std::chrono;

std::string show(std::optional<LocalTime> time) {
  if (!time) return "never";
  auto day = floor<days>(*time);
  year_month_day date(day);
  hh_mm_ss clock(*time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

LocalTime at(std::string_view text) {  // 2026-01-31T10:00:00
  auto number = [&](std::size_t from, std::size_t count) { return std::stoi(std::string(text.substr(from, count))); };
  return LocalTime((sys_days(year(number(0, 4)) / number(5, 2) / number(8, 2)) + hours(number(11, 2)) +
                    minutes(number(14, 2)) + seconds(number(17, 2)))
                       .time_since_epoch());
}

TEST(Cron, RefusesWhatIsNone) {
  for (const auto* text : {
           "",
           "* * * * *",
           "* * * * ? * *",
           "* * * * * *",
           "* * ? * ? *",
           "60 * * * ? *",
           "* 24 * * ? *",
           "* * 0 * ? *",
           "* * 32 * ? *",
           "* * * 13 ? *",
           "* * * FOO ? *",
           "* * ? * 8 *",
           "* * ? * 0 *",
           "* * ? * MON#6 *",
           "* * ? * MON#0 *",
           "* * * * ? 1969",
           "* * * * ? 2200",
           "*/0 * * * ? *",
           "1- * * * ? *",
           "-1 * * * ? *",
           "1,,2 * * * ? *",
           "a * * * ? *",
           "* * L-31 * ? *",
           "* * XW * ? *",
           "1/x * * * ? *",
       }) {
    EXPECT_FALSE(Cron::parse(text)) << text;
  }
}

TEST(Cron, FindsTheNextTime) {
  struct Case {
    const char* text;
    const char* after;
    const char* next;
  };
  const Case cases[] = {
      {"0 10 * * ? *", "2026-01-01T09:59:59", "2026-01-01T10:00:00"},
      {"0 10 * * ? *", "2026-01-01T10:00:00", "2026-01-02T10:00:00"},
      {"15 12 * * ? *", "2026-12-31T12:15:00", "2027-01-01T12:15:00"},
      {"0 18 ? * MON-FRI *", "2026-11-27T18:00:00", "2026-11-30T18:00:00"},
      {"0 8 1 * ? *", "2026-01-01T08:00:00", "2026-02-01T08:00:00"},
      {"0/10 * ? * MON-FRI *", "2026-11-25T10:05:00", "2026-11-25T10:10:00"},
      {"*/15 * * * ? *", "2026-11-25T10:45:00", "2026-11-25T11:00:00"},
      {"5/20 * * * ? *", "2026-11-25T10:26:00", "2026-11-25T10:45:00"},
      {"0/5 8-17 ? * MON-FRI *", "2026-11-25T17:55:00", "2026-11-26T08:00:00"},
      {"0 9 ? * 2#1 *", "2026-11-25T00:00:00", "2026-12-07T09:00:00"},    // first Monday
      {"0 9 ? * FRI#5 *", "2026-11-25T00:00:00", "2027-01-29T09:00:00"},  // a fifth Friday
      {"0 9 ? * 6L *", "2026-11-25T00:00:00", "2026-11-27T09:00:00"},     // last Friday
      {"0 9 ? * L *", "2026-11-25T00:00:00", "2026-11-28T09:00:00"},      // Saturday
      {"0 9 L * ? *", "2026-02-01T00:00:00", "2026-02-28T09:00:00"},
      {"0 9 L * ? *", "2028-02-01T00:00:00", "2028-02-29T09:00:00"},
      {"0 9 L-3 * ? *", "2026-02-01T00:00:00", "2026-02-25T09:00:00"},
      {"0 9 15W * ? *", "2026-11-01T00:00:00", "2026-11-16T09:00:00"},  // the 15th is a Sunday
      {"0 9 1W * ? *", "2026-08-01T00:00:00", "2026-08-03T09:00:00"},   // the 1st is a Saturday: not in July
      {"0 9 31W * ? *", "2026-05-01T00:00:00", "2026-05-29T09:00:00"},  // the 31st is a Sunday: not in June
      {"0 9 LW * ? *", "2026-02-01T00:00:00", "2026-02-27T09:00:00"},
      {"0 0 29 2 ? *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"},
      {"0 0 29 2 ? *", "2096-03-01T00:00:00", "2104-02-29T00:00:00"},  // 2100 is no leap year
      {"0 0 31 4 ? *", "2026-01-01T00:00:00", "never"},
      {"0 0 1 1 ? 2027-2030", "2027-01-01T00:00:00", "2028-01-01T00:00:00"},
      {"0 0 1 1 ? 2020", "2026-01-01T00:00:00", "never"},
      {"0 0 1 JAN,jul ? *", "2026-01-01T00:00:00", "2026-07-01T00:00:00"},
      {"0 22-2 * * ? *", "2026-01-01T23:30:00", "2026-01-02T00:00:00"},
      {"0 0 ? * FRI-MON *", "2026-11-24T00:00:00", "2026-11-27T00:00:00"},
      {"59 23 31 12 ? 2199", "2026-01-01T00:00:00", "2199-12-31T23:59:00"},
      {"59 23 31 12 ? 2199", "2199-12-31T23:59:00", "never"},
  };
  for (const auto& [text, after, next] : cases) {
    auto cron = Cron::parse(text);
    ASSERT_TRUE(cron) << text << ": " << cron.error().message();
    EXPECT_EQ(show(cron->next_after(at(after))), next) << text << " after " << after;
  }
}

TEST(Cron, ReadsOtherDialects) {
  struct Case {
    const CronDialect& dialect;
    const char* text;
    const char* after;
    const char* next;
  };
  const Case cases[] = {
      {kUnixCron, "30 4 1,15 * 5", "2026-11-25T00:00:00", "2026-11-27T04:30:00"},  // the 1st, the 15th, and Fridays
      {kUnixCron, "30 4 1,15 * 5", "2026-11-28T00:00:00", "2026-12-01T04:30:00"},
      {kUnixCron, "0 0 * * 0", "2026-11-25T00:00:00", "2026-11-29T00:00:00"},
      {kUnixCron, "0 0 * * 7", "2026-11-25T00:00:00", "2026-11-29T00:00:00"},
      {kUnixCron, "*/5 * * * *", "2026-11-25T00:00:00", "2026-11-25T00:05:00"},
      {kSecondsCron, "*/5 * * * * * *", "2026-11-25T00:00:56", "2026-11-25T00:01:00"},
      {kSecondsCron, "0 15 10 1 * * *", "2026-11-25T00:00:00", "2026-12-01T10:15:00"},
      {kSecondsCron, "0 0 10 ? * 1 2027", "2026-11-25T00:00:00", "2027-01-04T10:00:00"},
  };
  for (const auto& [dialect, text, after, next] : cases) {
    auto cron = Cron::parse(text, dialect);
    ASSERT_TRUE(cron) << text << ": " << cron.error().message();
    EXPECT_EQ(show(cron->next_after(at(after))), next) << text << " after " << after;
  }
  EXPECT_FALSE(Cron::parse("* * * * * *", kUnixCron));
  EXPECT_FALSE(Cron::parse("* * * * *", kSecondsCron));
}

}  // namespace
}  // namespace virga::events
