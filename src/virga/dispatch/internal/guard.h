#pragma once

#include <string>
#include <unordered_map>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/dispatch/internal/breaker.h"
#include "virga/dispatch/internal/token_bucket.h"
#include "virga/dispatch/limits.h"

namespace virga::dispatch {

// What a function's tags hold its calls to: its rate, the rate of each caller, its circuit breaker. One loop.
class Guard {
 public:
  // Callers of a function that are told apart; beyond it, one that was seen is forgotten.
  static constexpr std::size_t kMaxCallers = 10000;

  // Takes over the settings when they have changed: a comparison of pointers otherwise. Settings that are no longer
  // valid limit nothing and are logged.
  void follow(const catalog::FunctionPointer& function);
  const FunctionLimits& limits() const { return limits_; }
  bool has_any() const { return limits_.has_any(); }

  // ResourceExhausted when the function's rate or the caller's is used up; nothing is counted then.
  Result<> check_rates(const std::string& caller, SteadyTime now);
  // Why the breaker refuses.
  Error breaker_refusal(SteadyTime now) const;

  Breaker breaker;

 private:
  TokenBucket& bucket_of(const std::string& caller, SteadyTime now);

  catalog::FunctionPointer function_;
  FunctionLimits limits_;
  TokenBucket rate_;
  std::unordered_map<std::string, TokenBucket> callers_;
};

}  // namespace virga::dispatch
