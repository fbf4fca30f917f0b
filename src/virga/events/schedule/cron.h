#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "virga/base/result.h"
#include "virga/events/schedule/zone.h"

namespace virga::events {

// How one family of systems writes cron expressions.
struct CronDialect {
  enum class Sunday { Zero, One } sunday = Sunday::One;
  // What counts when both a day of the month and a day of the week are given.
  enum class Days { OneMustBeOpen, Either, Both } days = Days::OneMustBeOpen;
  bool has_seconds = false;
  bool has_year = true;
};
// minute hour day month weekday year; one of the days is '?'. EventBridge user guide, "Cron expressions reference".
inline constexpr CronDialect kAwsCron{};
// minute hour day month weekday (POSIX crontab): where both days are given, either will do.
inline constexpr CronDialect kUnixCron{CronDialect::Sunday::Zero, CronDialect::Days::Either, false, false};
// second minute hour day month weekday year, with Sunday as 0 (Tencent SCF, "Timer trigger").
inline constexpr CronDialect kSecondsCron{CronDialect::Sunday::Zero, CronDialect::Days::Both, true, true};

// The times on the clock that a cron expression means. A value; any thread.
class Cron {
 public:
  // The fields alone: "0 10 ? * MON-FRI *". InvalidArgument says which field is wrong.
  static Result<Cron> parse(std::string_view text, const CronDialect& dialect = kAwsCron);

  // The first time behind this one; nothing if there is none before the year 2200.
  std::optional<LocalTime> next_after(LocalTime time) const;

 private:
  static constexpr int kFirstYear = 1970, kLastYear = 2199;
  class FieldReader;

  bool has_day(std::chrono::year_month_day date) const;
  bool has_day_of_month(std::chrono::year_month_day date) const;
  bool has_weekday(std::chrono::year_month_day date) const;
  std::optional<std::chrono::seconds> next_time_of_day(std::chrono::seconds from) const;

  std::bitset<60> seconds_, minutes_;
  std::bitset<24> hours_;
  std::bitset<13> months_;
  std::bitset<kLastYear - kFirstYear + 1> years_;
  // Days of the month: numbers, L-n (0: the last day), nW, LW.
  std::bitset<32> days_, before_last_, near_workday_;
  bool last_workday_ = false;
  bool any_day_ = false;
  // Days of the week, Sunday 0: each, the last one of the month (5L), the n-th one (5#2; bit n * 7 + weekday).
  std::bitset<7> weekdays_, last_weekdays_;
  std::bitset<42> nth_weekdays_;
  bool any_weekday_ = false;
  bool either_day_ = false;
};

}  // namespace virga::events
