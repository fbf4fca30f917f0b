#include "virga/dispatch/internal/guard.h"

#include <algorithm>
#include <charconv>

#include "virga/dispatch/refusals.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

std::string number(double value) {
  char text[32];
  auto [end, problem] = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end);
}

std::string command(const model::FunctionName& function, std::string_view tag) {
  std::string text = "change it with: aws lambda tag-resource --resource ARN --tags ";
  text.append(tag).append("=N (the ARN of '").append(function.text()).append("')");
  return text;
}

}  // namespace

void Guard::follow(const catalog::FunctionPointer& function) {
  if (function == function_) return;
  function_ = function;
  auto limits = read_limits(function->function.tags);
  if (!limits) {
    log::warn("limits of a function are not valid", {{"function", function->function.name}, {"error", limits.error()}});
    limits = FunctionLimits();
  }
  if (limits->breaker != limits_.breaker) breaker = {};
  limits_ = std::move(*limits);
  if (limits_.caller_rate == 0) callers_.clear();
}

TokenBucket& Guard::bucket_of(const std::string& caller, SteadyTime now) {
  auto found = callers_.find(caller);
  if (found != callers_.end()) return found->second;
  if (callers_.size() >= kMaxCallers) {
    std::erase_if(callers_, [now](const auto& entry) { return entry.second.is_full(now); });
    if (callers_.size() >= kMaxCallers) callers_.erase(callers_.begin());
  }
  return callers_[caller];
}

Result<> Guard::check_rates(const std::string& caller, SteadyTime now) {
  const auto& function = function_->function;
  if (limits_.caller_rate > 0 && !caller.empty()) {
    auto& bucket = bucket_of(caller, now);
    if (auto wait = bucket.take({limits_.caller_rate, std::max(1.0, limits_.caller_rate)}, now)) {
      return fail(refusal(ErrorCode::ResourceExhausted, kCallerRate,
                          "one caller may call '" + function.name.text() + "' " + number(limits_.caller_rate) +
                              " times a second, by its tag virga:caller-rate; " +
                              command(function.name, kCallerRateTag),
                          *wait));
    }
  }
  if (limits_.rate > 0) {
    if (auto wait = rate_.take({limits_.rate, limits_.burst}, now)) {
      return fail(refusal(ErrorCode::ResourceExhausted,
                          function.reserved_concurrency ? kReservedFunctionRate : kFunctionRate,
                          "'" + function.name.text() + "' takes " + number(limits_.rate) +
                              " calls a second, by its tag virga:rate; " + command(function.name, kRateTag),
                          *wait));
    }
  }
  return {};
}

Error Guard::breaker_refusal(SteadyTime now) const {
  const auto& name = function_->function.name;
  return refusal(ErrorCode::Unavailable, kBreakerOpen,
                 "'" + name.text() + "' failed in " + std::to_string(breaker.failed()) + " of " +
                     std::to_string(breaker.ended()) + " calls within a second, which is over the " +
                     number(limits_.breaker * 100) + "% of its tag virga:breaker; mend it, or take the limit away " +
                     "with: aws lambda untag-resource --resource ARN --tag-keys virga:breaker",
                 breaker.wait(now));
}

}  // namespace virga::dispatch
