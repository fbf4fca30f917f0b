#pragma once

#include <map>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga::dispatch {

// Whether instances of a function may be forks of one another's template (docs/templates.md).
enum class Templates { Allowed, Off };

// The limits of one function, as its tags say them (docs/limits.md). Tags, because every client of the Lambda API can
// set them: `aws lambda tag-resource`. A value; any thread.
struct FunctionLimits {
  double rate = 0;         // calls a second; 0: no limit. virga:rate
  double burst = 0;        // calls at once after a quiet time; at least 1 where there is a rate. virga:burst
  double caller_rate = 0;  // calls a second of one caller; 0: no limit. virga:caller-rate
  double breaker = 0;      // the share of calls that fail, in (0, 1], at which calls stop; 0: never. virga:breaker
  std::string fallback_function;  // what runs instead while they do: NAME or NAME:QUALIFIER. virga:fallback
  std::string fallback_answer;    // or what is answered: JSON. virga:fallback

  Templates templates = Templates::Allowed;  // virga:templates

  bool has_any() const { return rate > 0 || caller_rate > 0 || breaker > 0; }
  bool operator==(const FunctionLimits&) const = default;
};

inline constexpr std::string_view kTemplatesTag = "virga:templates";
inline constexpr std::string_view kRateTag = "virga:rate";
inline constexpr std::string_view kBurstTag = "virga:burst";
inline constexpr std::string_view kCallerRateTag = "virga:caller-rate";
inline constexpr std::string_view kBreakerTag = "virga:breaker";
inline constexpr std::string_view kFallbackTag = "virga:fallback";

// InvalidArgument for a tag that begins with "virga:" and is none of these or has no such value; the message says what
// it may be. Other tags are not looked at.
Result<FunctionLimits> read_limits(const std::map<std::string, std::string>& tags);

// Whether an invocation of a function with these tags must say who calls.
inline bool wants_caller(const std::map<std::string, std::string>& tags) {
  return !tags.empty() && tags.contains(std::string(kCallerRateTag));
}

}  // namespace virga::dispatch
