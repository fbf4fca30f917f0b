#include "virga/dispatch/internal/admission.h"

#include <algorithm>

#include "virga/dispatch/refusals.h"

namespace virga::dispatch {
namespace {

constexpr std::chrono::seconds kActive{60};
constexpr std::chrono::seconds kTouch{1};  // how exact "called last" is: most calls move nothing in the list

// Until one of the calls that run is likely to end.
std::chrono::nanoseconds until_one_ends(const MeanTime& run_time, std::uint32_t running) {
  auto microseconds = run_time.microseconds() / std::max(1U, running);
  return std::chrono::microseconds(static_cast<std::int64_t>(microseconds));
}

}  // namespace

Admission::Place::Place(Admission& admission, OfFunction& function) : admission_(&admission), function_(&function) {
  ++admission.running_;
  ++function.running;
}

Admission::Place::~Place() {
  if (admission_ == nullptr) return;
  --admission_->running_;
  --function_->running;
}

Admission::~Admission() {
  for (auto* function : active_) function->active_.reset();
}

std::shared_ptr<Admission::OfFunction> Admission::of(const model::FunctionName& name) {
  auto& function = functions_[name.text()];
  if (function == nullptr) function = std::make_shared<OfFunction>(name);
  return function;
}

void Admission::touch(OfFunction& function, SteadyTime now) {
  if (function.active_) {
    if (now - function.seen_ < kTouch) return;
    active_.splice(active_.end(), active_, *function.active_);
  } else {
    function.active_ = active_.insert(active_.end(), &function);
  }
  function.seen_ = now;
}

std::size_t Admission::active(SteadyTime now) {
  while (!active_.empty() && now - active_.front()->seen_ >= kActive) {
    auto& oldest = *active_.front();
    if (oldest.running > 0) {
      touch(oldest, now);
    } else {
      active_.pop_front();
      oldest.active_.reset();
    }
  }
  return active_.size();
}

Result<Admission::Place> Admission::admit(OfFunction& function, std::optional<std::uint32_t> reserved, SteadyTime now) {
  touch(function, now);
  const auto& name = function.name.text();
  if (reserved && function.running >= *reserved) {
    return fail(refusal(ErrorCode::ResourceExhausted, kReservedConcurrency,
                        "'" + name + "' has a reserved concurrency of " + std::to_string(*reserved) +
                            "; raise it with: aws lambda put-function-concurrency --function-name " + name +
                            " --reserved-concurrent-executions N",
                        until_one_ends(function.run_time, function.running)));
  }
  if (running_ >= account_limit_) {
    return fail(refusal(ErrorCode::ResourceExhausted, kAccountConcurrency,
                        std::to_string(account_limit_) +
                            " invocations run at once, which is the account's limit; raise it with: virga serve "
                            "--concurrency N",
                        until_one_ends(function.run_time, function.running)));
  }
  if (!reserved && is_nearly_full()) {
    auto functions = static_cast<std::uint32_t>(active(now));
    auto share = std::max(1U, account_limit_ / functions);
    if (functions > 1 && function.running >= share) {
      return fail(refusal(ErrorCode::ResourceExhausted, kAccountConcurrency,
                          "'" + name + "' runs " + std::to_string(function.running) +
                              " invocations at once, and its share is " + std::to_string(share) + ": the account's " +
                              std::to_string(account_limit_) + " among the " + std::to_string(functions) +
                              " functions called in the last minute; raise the account's with: virga serve "
                              "--concurrency N, or set some aside with: aws lambda put-function-concurrency "
                              "--function-name " +
                              name + " --reserved-concurrent-executions N",
                          until_one_ends(function.run_time, function.running)));
    }
  }
  return Place(*this, function);
}

void Admission::sweep(SteadyTime now) {
  (void)active(now);
  std::erase_if(functions_, [](const auto& entry) {
    return entry.second->running == 0 && entry.second.use_count() == 1 && !entry.second->active_;
  });
}

}  // namespace virga::dispatch
