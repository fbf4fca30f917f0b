#include "virga/dispatch/internal/admission.h"

namespace virga::dispatch {

Admission::Place::Place(Admission& admission, OfFunction& function) : admission_(&admission), function_(&function) {
  ++admission.running_;
  ++function.running;
}

Admission::Place::~Place() {
  if (admission_ == nullptr) return;
  --admission_->running_;
  --function_->running;
}

std::shared_ptr<Admission::OfFunction> Admission::of(const model::FunctionName& name) {
  auto& function = functions_[name.text()];
  if (function == nullptr) function = std::make_shared<OfFunction>(name);
  return function;
}

Result<Admission::Place> Admission::admit(OfFunction& function, std::optional<std::uint32_t> reserved) {
  if (reserved && function.running >= *reserved) {
    const auto& name = function.name.text();
    return fail(ErrorCode::ResourceExhausted,
                "ReservedFunctionConcurrentInvocationLimitExceeded: '" + name + "' has a reserved concurrency of " +
                    std::to_string(*reserved) +
                    "; raise it with: aws lambda put-function-concurrency --function-name " + name +
                    " --reserved-concurrent-executions N");
  }
  if (running_ >= account_limit_) {
    return fail(ErrorCode::ResourceExhausted,
                "ConcurrentInvocationLimitExceeded: " + std::to_string(account_limit_) +
                    " invocations run at once, which is the account's limit; raise it with: virga serve --concurrency "
                    "N");
  }
  return Place(*this, function);
}

void Admission::sweep() {
  std::erase_if(functions_,
                [](const auto& entry) { return entry.second->running == 0 && entry.second.use_count() == 1; });
}

}  // namespace virga::dispatch
