#include "virga/dispatch/limits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace virga::dispatch {
namespace {

constexpr double kMaxRate = 1e9;
// Which other modules read, and check.
constexpr std::array<std::string_view, 1> kTagsOfOthers = {"virga:retry-delays"};

std::unexpected<Error> wrong(std::string_view tag, std::string_view value, std::string_view may_be) {
  std::string message = "tags: the value '";
  message.append(value).append("' of '").append(tag).append("' must be ").append(may_be);
  return fail(ErrorCode::InvalidArgument, std::move(message));
}

Result<double> read_number(std::string_view tag, std::string_view value, double least) {
  double number = 0;
  auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size() || !std::isfinite(number) || number < least ||
      number > kMaxRate) {
    return wrong(tag, value,
                 least >= 1 ? "a number from 1, such as 20" : "a number of calls a second, such as 100 or 0.5");
  }
  return number;
}

// "50%".
Result<double> read_share(std::string_view tag, std::string_view value) {
  constexpr std::string_view kMayBe = "a percentage from 1% to 100%, such as 50%";
  if (!value.ends_with('%')) return wrong(tag, value, kMayBe);
  auto digits = value.substr(0, value.size() - 1);
  double number = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || end != digits.data() + digits.size() || !(number >= 1 && number <= 100)) {
    return wrong(tag, value, kMayBe);
  }
  return number / 100;
}

bool is_function(std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == ':' || c == '$';
  });
}

}  // namespace

Result<FunctionLimits> read_limits(const std::map<std::string, std::string>& tags) {
  FunctionLimits limits;
  for (auto at = tags.lower_bound("virga:"); at != tags.end() && at->first.starts_with("virga:"); ++at) {
    const auto& [tag, value] = *at;
    if (tag == kRateTag) {
      VIRGA_TRY_ASSIGN(limits.rate, read_number(tag, value, 0.001));
    } else if (tag == kBurstTag) {
      VIRGA_TRY_ASSIGN(limits.burst, read_number(tag, value, 1));
    } else if (tag == kCallerRateTag) {
      VIRGA_TRY_ASSIGN(limits.caller_rate, read_number(tag, value, 0.001));
    } else if (tag == kBreakerTag) {
      VIRGA_TRY_ASSIGN(limits.breaker, read_share(tag, value));
    } else if (tag == kFallbackTag) {
      if (value.starts_with('{') || value.starts_with('[') || value.starts_with('"')) {
        limits.fallback_answer = value;
      } else if (is_function(value)) {
        limits.fallback_function = value;
      } else {
        return wrong(tag, value, "the name of a function, or a JSON object, array or string to answer");
      }
    } else if (tag == kTemplatesTag) {
      if (value != "off" && value != "on") return wrong(tag, value, "on or off");
      limits.templates = value == "off" ? Templates::Off : Templates::Allowed;
    } else if (std::ranges::find(kTagsOfOthers, tag) == kTagsOfOthers.end()) {
      return fail(ErrorCode::InvalidArgument,
                  "tags: '" + tag +
                      "' is not known; those of Virga are virga:rate, virga:burst, "
                      "virga:caller-rate, virga:breaker, virga:fallback, virga:templates and virga:retry-delays");
    }
  }
  // A second's worth, so that calls that come unevenly are not refused below the rate.
  if (limits.burst == 0) limits.burst = std::max(1.0, limits.rate);
  return limits;
}

}  // namespace virga::dispatch
