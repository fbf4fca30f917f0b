#include "virga/events/schedule/cron.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "virga/base/encoding.h"

namespace virga::events {
namespace {

using std::chrono::days;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> all;
  for (auto word : split(text, ' ')) {
    if (word = trim(word); !word.empty()) all.push_back(word);
  }
  return all;
}

std::optional<int> whole(std::string_view text) {
  int number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

unsigned last_day_of(year_month_day date) {
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}

std::chrono::weekday weekday_of(year_month_day date) {
  return std::chrono::weekday(std::chrono::sys_days(date));
}

// The day from Monday to Friday that is nearest to the given one and in the same month.
unsigned workday_near(year_month_day date, unsigned day) {
  auto last = last_day_of(date);
  if (day > last) return 0;
  auto weekday = weekday_of(date.year() / date.month() / std::chrono::day(day));
  if (weekday == std::chrono::Saturday) return day > 1 ? day - 1 : day + 2;
  if (weekday == std::chrono::Sunday) return day < last ? day + 1 : day - 2;
  return day;
}

}  // namespace

// Reads one field: lists of *, n, a-b, each with /step, where n may be a name.
class Cron::FieldReader {
 public:
  FieldReader(std::string_view name, std::string_view text, int first, int last)
      : name_(name), text_(text), first_(first), last_(last) {}

  void use_names(std::span<const std::string_view> names, int first) {
    names_ = names;
    first_name_ = first;
  }

  std::unexpected<Error> refuse(std::string_view part) const {
    return fail(ErrorCode::InvalidArgument, fmt::format("'{}' is no {} of a cron expression", part, name_));
  }
  std::optional<int> value(std::string_view text) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (equals_ignoring_case(text, names_[i])) return static_cast<int>(i) + first_name_;
    }
    auto number = whole(text);
    return number && *number >= first_ && *number <= last_ ? number : std::nullopt;
  }
  // Calls set(value) for each value of one part of the list.
  template <typename Set>
  Result<> read_part(std::string_view part, const Set& set) const {
    auto slash = part.find('/');
    auto range = part.substr(0, slash);
    int step = 1;
    if (slash != part.npos) {
      auto number = whole(part.substr(slash + 1));
      if (!number || *number == 0) return refuse(part);
      step = *number;
    }
    int from = first_, to = last_;
    if (range != "*") {
      auto dash = range.find('-');
      auto begin = value(range.substr(0, dash));
      auto end = dash != range.npos ? value(range.substr(dash + 1)) : slash != part.npos ? std::optional(last_) : begin;
      if (!begin || !end) return refuse(part);
      from = *begin;
      to = *end;
    }
    // FRI-MON and 22-2 go over the end.
    if (from > to) {
      for (int i = from; i <= last_; i += step) set(i);
      from = first_;
    }
    for (int i = from; i <= to; i += step) set(i);
    return {};
  }
  template <typename Set>
  Result<> read(const Set& set) const {
    for (auto part : split(text_, ',')) VIRGA_TRY(read_part(part, set));
    return {};
  }

 private:
  std::string_view name_, text_;
  int first_, last_;
  std::span<const std::string_view> names_;
  int first_name_ = 0;
};

Result<Cron> Cron::parse(std::string_view text, const CronDialect& dialect) {
  auto fields = words(text);
  std::size_t count = 5 + (dialect.has_seconds ? 1 : 0) + (dialect.has_year ? 1 : 0);
  if (fields.size() != count) {
    return fail(ErrorCode::InvalidArgument,
                fmt::format("a cron expression has {} fields here; '{}' has {}", count, text, fields.size()));
  }
  Cron cron;
  std::size_t next = 0;
  auto field = [&](std::string_view name, int first, int last) {
    return FieldReader(name, fields[next++], first, last);
  };
  if (dialect.has_seconds) {
    VIRGA_TRY(field("second", 0, 59).read([&](int i) { cron.seconds_.set(static_cast<std::size_t>(i)); }));
  } else {
    cron.seconds_.set(0);
  }
  VIRGA_TRY(field("minute", 0, 59).read([&](int i) { cron.minutes_.set(static_cast<std::size_t>(i)); }));
  VIRGA_TRY(field("hour", 0, 23).read([&](int i) { cron.hours_.set(static_cast<std::size_t>(i)); }));

  auto day_text = fields[next];
  auto day = field("day of the month", 1, 31);
  cron.any_day_ = day_text == "*" || day_text == "?";
  for (auto part : cron.any_day_ ? std::vector<std::string_view>() : split(day_text, ',')) {
    if (part == "L") {
      cron.before_last_.set(0);
    } else if (part == "LW" || part == "WL") {
      cron.last_workday_ = true;
    } else if (part.starts_with("L-")) {
      auto before = whole(part.substr(2));
      if (!before || *before > 30) return day.refuse(part);
      cron.before_last_.set(static_cast<std::size_t>(*before));
    } else if (part.ends_with('W')) {
      auto number = day.value(part.substr(0, part.size() - 1));
      if (!number) return day.refuse(part);
      cron.near_workday_.set(static_cast<std::size_t>(*number));
    } else {
      VIRGA_TRY(day.read_part(part, [&](int i) { cron.days_.set(static_cast<std::size_t>(i)); }));
    }
  }

  auto month = field("month", 1, 12);
  month.use_names(kMonths, 1);
  VIRGA_TRY(month.read([&](int i) { cron.months_.set(static_cast<std::size_t>(i)); }));

  int sunday = dialect.sunday == CronDialect::Sunday::One ? 1 : 0;
  auto weekday_text = fields[next];
  auto weekday = field("day of the week", sunday, 7);
  weekday.use_names(kWeekdays, sunday);
  auto index = [&](int i) { return static_cast<std::size_t>((i - sunday) % 7); };
  cron.any_weekday_ = weekday_text == "*" || weekday_text == "?";
  for (auto part : cron.any_weekday_ ? std::vector<std::string_view>() : split(weekday_text, ',')) {
    auto hash = part.find('#');
    if (part == "L") {
      cron.weekdays_.set(6);
    } else if (part.size() > 1 && part.ends_with('L')) {
      auto number = weekday.value(part.substr(0, part.size() - 1));
      if (!number) return weekday.refuse(part);
      cron.last_weekdays_.set(index(*number));
    } else if (hash != part.npos) {
      auto number = weekday.value(part.substr(0, hash));
      auto which = whole(part.substr(hash + 1));
      if (!number || !which || *which < 1 || *which > 5) return weekday.refuse(part);
      cron.nth_weekdays_.set(static_cast<std::size_t>(*which) * 7 + index(*number));
    } else {
      VIRGA_TRY(weekday.read_part(part, [&](int i) { cron.weekdays_.set(index(i)); }));
    }
  }
  if (dialect.days == CronDialect::Days::OneMustBeOpen && (day_text == "?") == (weekday_text == "?")) {
    return fail(ErrorCode::InvalidArgument,
                "one of the day of the month and the day of the week must be '?', and not both");
  }
  cron.either_day_ = dialect.days == CronDialect::Days::Either && !cron.any_day_ && !cron.any_weekday_;

  if (dialect.has_year) {
    VIRGA_TRY(field("year", kFirstYear, kLastYear).read([&](int i) {
      cron.years_.set(static_cast<std::size_t>(i - kFirstYear));
    }));
  } else {
    cron.years_.set();
  }
  return cron;
}

bool Cron::has_day_of_month(year_month_day date) const {
  auto day = static_cast<unsigned>(date.day());
  auto last = last_day_of(date);
  if (any_day_ || days_[day] || before_last_[last - day]) return true;
  if (last_workday_ && workday_near(date, last) == day) return true;
  // The nearest workday is at most two days away.
  for (unsigned meant = day > 2 ? day - 2 : 1; meant <= day + 2 && meant <= last; ++meant) {
    if (near_workday_[meant] && workday_near(date, meant) == day) return true;
  }
  return false;
}

bool Cron::has_weekday(year_month_day date) const {
  auto day = static_cast<unsigned>(date.day());
  auto weekday = weekday_of(date).c_encoding();
  if (any_weekday_ || weekdays_[weekday]) return true;
  if (last_weekdays_[weekday] && day + 7 > last_day_of(date)) return true;
  return nth_weekdays_[((day - 1) / 7 + 1) * 7 + weekday];
}

bool Cron::has_day(year_month_day date) const {
  if (either_day_) return has_day_of_month(date) || has_weekday(date);
  return has_day_of_month(date) && has_weekday(date);
}

std::optional<std::chrono::seconds> Cron::next_time_of_day(std::chrono::seconds from) const {
  auto start = static_cast<std::size_t>(from.count());
  for (std::size_t hour = start / 3600; hour < 24; ++hour) {
    if (!hours_[hour]) continue;
    for (std::size_t minute = hour == start / 3600 ? start / 60 % 60 : 0; minute < 60; ++minute) {
      if (!minutes_[minute]) continue;
      bool is_first = hour * 60 + minute == start / 60;
      for (std::size_t second = is_first ? start % 60 : 0; second < 60; ++second) {
        if (seconds_[second]) return std::chrono::seconds(hour * 3600 + minute * 60 + second);
      }
    }
  }
  return std::nullopt;
}

std::optional<LocalTime> Cron::next_after(LocalTime time) const {
  namespace c = std::chrono;
  time += c::seconds(1);
  auto day = c::floor<days>(time);
  auto from = c::duration_cast<c::seconds>(time - day);
  while (true) {
    year_month_day date(day);
    auto year = static_cast<int>(date.year());
    if (year > kLastYear) return std::nullopt;
    bool is_year = year >= kFirstYear && years_[static_cast<std::size_t>(year - kFirstYear)];
    if (!is_year) {
      day = c::local_days((date.year() + c::years(1)) / c::January / 1);
    } else if (!months_[static_cast<unsigned>(date.month())]) {
      day = c::local_days((date.year() / date.month() + c::months(1)) / 1);
    } else {
      if (has_day(date)) {
        if (auto found = next_time_of_day(from)) return LocalTime(day) + *found;
      }
      day += days(1);
    }
    from = c::seconds(0);
  }
}

}  // namespace virga::events
