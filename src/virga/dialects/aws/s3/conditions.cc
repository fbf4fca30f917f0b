#include "virga/dialects/aws/s3/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

WallTime to_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

bool read_number(std::string_view text, std::uint64_t& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string format_http_date(WallTime time) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(to_seconds(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::string owned(text);
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y", "%Y-%m-%dT%H:%M:%S"}) {
    std::tm parts{};
    if (::strptime(owned.c_str(), format, &parts) == nullptr) continue;
    // Beyond these years a WallTime overflows, and no object is that old or new.
    parts.tm_year = std::clamp(parts.tm_year, 0, 300);
    return std::chrono::system_clock::from_time_t(::timegm(&parts));
  }
  return std::nullopt;
}

std::string_view without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
  return etag;
}

bool names_etag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    auto comma = list.find(',');
    auto one = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (one == "*" || (!one.empty() && without_quotes(one) == etag)) return true;
  }
  return false;
}

Verdict check_conditions(const http::Request& request, const ConditionFields& fields, std::string_view etag,
                         WallTime modified) {
  modified = to_seconds(modified);
  auto match = request.field(fields.match);
  if (!match.empty()) {
    if (!names_etag(match, etag)) return Verdict::Failed;
  } else if (auto time = parse_http_date(request.field(fields.unmodified_since)); time && modified > *time) {
    return Verdict::Failed;
  }
  auto none_match = request.field(fields.none_match);
  if (!none_match.empty()) {
    if (names_etag(none_match, etag)) return Verdict::NotModified;
  } else if (auto time = parse_http_date(request.field(fields.modified_since)); time && modified <= *time) {
    return Verdict::NotModified;
  }
  return Verdict::Send;
}

services::object::Condition write_condition(const http::Request& request) {
  services::object::Condition condition;
  auto none_match = request.field("if-none-match");
  condition.must_be_absent = none_match == "*";
  if (!none_match.empty() && none_match != "*") condition.unwanted_etag = without_quotes(trim(none_match));
  auto match = request.field("if-match");
  if (!match.empty()) condition.etag = std::string(without_quotes(trim(match)));
  return condition;
}

services::object::Condition delete_condition(std::string_view etag, std::string_view size, std::string_view modified) {
  services::object::Condition condition;
  condition.may_be_absent = true;
  if (!etag.empty()) condition.etag = std::string(without_quotes(trim(etag)));
  std::uint64_t bytes = 0;
  if (read_number(trim(size), bytes)) condition.size = bytes;
  if (!modified.empty()) condition.modified = parse_http_date(modified);
  return condition;
}

RangeVerdict read_range(std::string_view text, std::uint64_t size, ByteRange& range) {
  range = {0, size};
  constexpr std::string_view kUnit = "bytes=";
  if (!text.starts_with(kUnit)) return RangeVerdict::Whole;
  text.remove_prefix(kUnit.size());
  auto dash = text.find('-');
  if (dash == std::string_view::npos || text.find(',') != std::string_view::npos) return RangeVerdict::Whole;
  auto first = trim(text.substr(0, dash));
  auto last = trim(text.substr(dash + 1));
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  if (first.empty()) {
    if (!read_number(last, end)) return RangeVerdict::Whole;
    if (end == 0 || size == 0) return RangeVerdict::Unsatisfiable;
    range.size = std::min(end, size);
    range.offset = size - range.size;
    return RangeVerdict::Part;
  }
  if (!read_number(first, begin)) return RangeVerdict::Whole;
  if (last.empty()) {
    end = size == 0 ? 0 : size - 1;
  } else if (!read_number(last, end) || end < begin) {
    return RangeVerdict::Whole;
  }
  if (begin >= size) return RangeVerdict::Unsatisfiable;
  range.offset = begin;
  range.size = std::min(end, size - 1) - begin + 1;
  return RangeVerdict::Part;
}

}  // namespace virga::dialects::aws::s3
