#include "virga/events/schedule/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "virga/base/encoding.h"

namespace virga::events {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  return fail(ErrorCode::InvalidArgument, fmt::format("'{}' is no schedule: {}", text, why));
}

// The inside of "name(inside)".
std::optional<std::string_view> inside(std::string_view text, std::string_view name) {
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  if (!text.starts_with('(') || !text.ends_with(')')) return std::nullopt;
  return text.substr(1, text.size() - 2);
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "5 minutes".
std::optional<seconds> read_rate(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}}};
  constexpr std::int64_t kMost = 1'000'000;
  auto space = text.find(' ');
  if (space == text.npos) return std::nullopt;
  auto number = whole(text.substr(0, space));
  auto unit = trim(text.substr(space));
  if (!number || *number < 1 || *number > kMost) return std::nullopt;
  for (const auto& [name, length] : kUnits) {
    bool is_plural = unit.size() == name.size() + 1 && unit.ends_with('s');
    if (unit.substr(0, name.size()) == name && (is_plural || unit.size() == name.size())) {
      return seconds(*number * length);
    }
  }
  return std::nullopt;
}

// "2027-01-01T00:00:00".
std::optional<LocalTime> read_time(std::string_view text) {
  namespace c = std::chrono;
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  bool is_good = text.size() == kForm.size() && std::ranges::equal(text, kForm, [](char c, char form) {
                   return form == 'd' ? c >= '0' && c <= '9' : c == form;
                 });
  if (!is_good) return std::nullopt;
  auto number = [&](std::size_t from, std::size_t count) { return *whole(text.substr(from, count)); };
  c::year_month_day date(c::year(static_cast<int>(number(0, 4))), c::month(static_cast<unsigned>(number(5, 2))),
                         c::day(static_cast<unsigned>(number(8, 2))));
  auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return LocalTime(c::local_days(date)) + c::hours(hour) + c::minutes(minute) + c::seconds(second);
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
  if (auto rate = inside(text, "rate")) {
    auto period = read_rate(*rate);
    if (!period)
      return refuse(text, "a rate is a whole number from 1 and minutes, hours or days, as in rate(5 minutes)");
    return Expression(*period);
  }
  if (auto fields = inside(text, "cron")) {
    auto cron = Cron::parse(*fields);
    if (!cron) return refuse(text, cron.error().message());
    return Expression(std::move(*cron));
  }
  if (auto once = inside(text, "at")) {
    auto time = read_time(*once);
    if (!time) return refuse(text, "a single time is written as in at(2027-01-31T10:00:00)");
    return Expression(*time);
  }
  return refuse(text, "it is written as rate(...), cron(...) or at(...)");
}

std::optional<UtcTime> Expression::next_after(UtcTime time, UtcTime anchor, const Zone& zone) const {
  if (const auto* period = std::get_if<seconds>(&when_)) {
    if (time < anchor) return anchor;
    return anchor + ((time - anchor) / *period + 1) * *period;
  }
  if (const auto* cron = std::get_if<Cron>(&when_)) return next_of(*cron, time, zone);
  auto moment = moment_of(std::get<LocalTime>(when_), zone);
  return moment > time ? std::optional(moment) : std::nullopt;
}

std::optional<UtcTime> Expression::next_of(const Cron& cron, UtcTime time, const Zone& zone) {
  auto local = zone.to_local(time);
  while (auto candidate = cron.next_after(local)) {
    auto moment = zone.first_at(*candidate);
    if (moment && *moment > time) return moment;
    local = *candidate;
  }
  return std::nullopt;
}

UtcTime Expression::moment_of(LocalTime time, const Zone& zone) {
  // The longest jump that clocks ever made was a day.
  for (minutes later{0}; later <= minutes(25 * 60); ++later) {
    if (auto moment = zone.first_at(time + later)) return *moment;
  }
  return UtcTime(time.time_since_epoch());
}

seconds spread(std::uint64_t seed, UtcTime due, seconds window) {
  if (window.count() <= 0) return seconds(0);
  // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
  auto bits = seed + static_cast<std::uint64_t>(due.time_since_epoch().count()) * 0x9E3779B97F4A7C15ull;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9ull;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBull;
  bits ^= bits >> 31;
  return seconds(static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(window.count())));
}

}  // namespace virga::events
