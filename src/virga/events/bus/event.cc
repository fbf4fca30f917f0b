#include "virga/events/bus/event.h"

#include <algorithm>
#include <charconv>

#include "virga/json/text.h"

namespace virga::events {

std::string format_seconds(WallTime time) {
  auto text = format_rfc3339(time);
  return text.substr(0, 19) + "Z";
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  namespace c = std::chrono;
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  auto fits = [&](std::string_view part, std::string_view form) {
    return part.size() == form.size() && std::ranges::equal(part, form, [&](char c, char f) {
             return f == 'd' ? is_digit(c) : (c == f || (f == 'T' && (c == 't' || c == ' ')));
           });
  };
  auto number = [](std::string_view part) {
    int value = 0;
    std::from_chars(part.data(), part.data() + part.size(), value);
    return value;
  };
  if (!fits(text.substr(0, kForm.size()), kForm)) return std::nullopt;
  c::year_month_day date(c::year(number(text.substr(0, 4))), c::month(static_cast<unsigned>(number(text.substr(5, 2)))),
                         c::day(static_cast<unsigned>(number(text.substr(8, 2)))));
  int hour = number(text.substr(11, 2)), minute = number(text.substr(14, 2)), second = number(text.substr(17, 2));
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  // What nanoseconds can count, less a day for the offset.
  constexpr auto kFirst = c::ceil<c::days>(WallTime::min()) + c::days(1);
  constexpr auto kLast = c::floor<c::days>(WallTime::max()) - c::days(2);
  if (c::sys_days(date) < kFirst || c::sys_days(date) > kLast) return std::nullopt;
  WallTime time = c::sys_days(date) + c::hours(hour) + c::minutes(minute) + c::seconds(second);
  text.remove_prefix(kForm.size());
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::int64_t unit = 100'000'000;
    std::size_t digits = 0;
    for (; digits < text.size() && is_digit(text[digits]); ++digits, unit /= 10) {
      time += c::nanoseconds((text[digits] - '0') * unit);
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  if (text == "Z" || text == "z") return time;
  if (!fits(text, "+dd:dd") && !fits(text, "-dd:dd")) return std::nullopt;
  auto offset = c::hours(number(text.substr(1, 2))) + c::minutes(number(text.substr(4, 2)));
  return text.front() == '+' ? time - offset : time + offset;
}

std::string BusEvent::to_json(const Place& place) const {
  std::string body;
  body.reserve(detail.size() + 512);
  {
    json::Object object(body);
    object.add("version", "0")
        .add("id", id)
        .add("detail-type", detail_type)
        .add("source", source)
        .add("account", place.account)
        .add("time", format_seconds(time))
        .add("region", place.region);
    {
      json::Array list(object.open("resources"));
      for (const auto& resource : resources) list.add(resource);
    }
    object.add_raw("detail", detail);
    if (!cloud_event.empty()) object.add_raw("cloudevent", cloud_event);
  }
  return body;
}

}  // namespace virga::events
