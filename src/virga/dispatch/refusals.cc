#include "virga/dispatch/refusals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace virga::dispatch {
namespace {

constexpr std::array kReasons = {kAccountConcurrency, kReservedConcurrency, kFunctionRate, kReservedFunctionRate,
                                 kCallerRate,         kBreakerOpen,         kQueueTooLong};
constexpr std::string_view kAgain = "; try again in ";

}  // namespace

Error refusal(ErrorCode code, std::string_view reason, std::string_view text, std::chrono::nanoseconds wait) {
  auto seconds = std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(wait).count(), 1);
  std::string message;
  message.reserve(reason.size() + text.size() + 32);
  message.append(reason).append(": ").append(text).append(kAgain).append(std::to_string(seconds)).append(" s");
  return Error(code, std::move(message));
}

RefusalParts read_refusal(const Error& error) {
  std::string_view message = error.message();
  RefusalParts parts;
  parts.text = message;
  auto colon = message.find(": ");
  if (colon == std::string_view::npos) return parts;
  auto reason = message.substr(0, colon);
  if (std::ranges::find(kReasons, reason) == kReasons.end()) return parts;
  parts.reason = reason;
  parts.text = message.substr(colon + 2);
  auto again = parts.text.rfind(kAgain);
  if (again == std::string_view::npos) return parts;
  auto number = parts.text.substr(again + kAgain.size());
  std::int64_t seconds = 0;
  auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), seconds);
  if (problem == std::errc() && seconds > 0) parts.retry_after = std::chrono::seconds(seconds);
  return parts;
}

}  // namespace virga::dispatch
