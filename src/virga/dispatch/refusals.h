#pragma once

#include <chrono>
#include <string_view>

#include "virga/base/error.h"

namespace virga::dispatch {

// A refusal for want of capacity, in the one form that all of them have: "REASON: TEXT; try again in N s". REASON is
// Lambda's ThrottleReason (botocore lambda/2015-03-31) where it has one; TEXT names the limit, its value, where it is
// set and the command that changes it. People read the whole, dialects take it apart.

inline constexpr std::string_view kAccountConcurrency = "ConcurrentInvocationLimitExceeded";
inline constexpr std::string_view kReservedConcurrency = "ReservedFunctionConcurrentInvocationLimitExceeded";
inline constexpr std::string_view kFunctionRate = "FunctionInvocationRateLimitExceeded";
inline constexpr std::string_view kReservedFunctionRate = "ReservedFunctionInvocationRateLimitExceeded";
inline constexpr std::string_view kCallerRate = "CallerRateLimitExceeded";
// Virga's own, answered as 503.
inline constexpr std::string_view kBreakerOpen = "CircuitBreakerOpen";
inline constexpr std::string_view kQueueTooLong = "QueueTooLong";

// `wait` is rounded up to whole seconds, at least one.
Error refusal(ErrorCode code, std::string_view reason, std::string_view text, std::chrono::nanoseconds wait);

struct RefusalParts {
  std::string_view reason;              // "" if the message has none
  std::string_view text;                // the message without it
  std::chrono::seconds retry_after{1};  // 1 if the message does not say
};
// Views into the error's message.
RefusalParts read_refusal(const Error& error);

}  // namespace virga::dispatch
