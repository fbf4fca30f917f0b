#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "virga/dispatch/invoker.h"

namespace virga::dispatch::testing {

// Remembers what it was asked to run and answers at once with `outcomes`, first to last, then with the payload itself.
class FakeInvoker final : public Invoker {
 public:
  io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation) override {
    invocations.push_back(invocation);
    functions.push_back(target.version->function.text());
    versions.push_back(target.version->number.text());
    if (on_invoke) co_await on_invoke();
    if (!outcomes.empty()) {
      Result<model::Outcome> outcome = std::move(outcomes.front());
      outcomes.pop_front();
      co_return outcome;
    }
    model::Outcome outcome;
    model::append_event(outcome.payload, invocation);
    if (invocation.log_tail == model::LogTail::Wanted) outcome.log_tail = "START\nEND\n";
    co_return outcome;
  }
  io::Task<void> taken_over(catalog::VersionPointer version) override {
    taken_over_versions.push_back(version->revision.text());
    co_return;
  }
  io::Task<void> warm(catalog::VersionPointer version, catalog::VersionPointer used) override {
    warmed.push_back(version->number.text() + " for " + used->number.text());
    co_return;
  }
  void prepare(const catalog::Resolved& target) override { prepared.push_back(target.version->function.text()); }
  std::optional<SteadyTime> last_waited_for() const override { return waited_for; }
  InstanceCounts instances() const override { return {1, 2, 3}; }
  ProvisionedCounts provisioned(const model::Version&) const override { return provisioned_counts; }

  static Result<model::Outcome> failure(std::string error = R"({"errorType":"Error","errorMessage":"no"})") {
    model::Outcome outcome;
    outcome.fault = model::Fault::Reported;
    outcome.payload = std::move(error);
    return outcome;
  }
  static Result<model::Outcome> refusal() { return fail(ErrorCode::ResourceExhausted, "throttled"); }

  std::optional<SteadyTime> waited_for;
  std::vector<model::Invocation> invocations;
  std::vector<std::string> functions;
  std::vector<std::string> versions;
  std::deque<Result<model::Outcome>> outcomes;
  std::function<io::Task<void>()> on_invoke;     // awaited before the answer
  std::vector<std::string> taken_over_versions;  // revisions
  std::vector<std::string> warmed;               // "2 for 1"
  std::vector<std::string> prepared;             // functions
  ProvisionedCounts provisioned_counts;
};

}  // namespace virga::dispatch::testing
