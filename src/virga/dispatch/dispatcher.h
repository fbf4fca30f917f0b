#pragma once

#include <functional>
#include <memory>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/dispatch/instance_maker.h"
#include "virga/dispatch/invoker.h"
#include "virga/dispatch/options.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/ledger/logs.h"
#include "virga/model/invocation.h"
#include "virga/telemetry/metrics.h"

namespace virga::dispatch {

// Decides who runs an invocation and how many instances there are. One loop. Instances of a version form a pool; a call
// goes to an idle instance, or waits in the pool's queue while instances are started.
class Dispatcher final : public Invoker {
 public:
  // All of these outlive the dispatcher.
  struct Parts {
    io::Loop& loop;
    catalog::Catalog& catalog;
    InstanceMaker& maker;
    ledger::Logs& logs;
    metrics::Registry& metrics;
    // What others than instances hold of the memory budget now, as waiting stems; empty: nothing.
    std::function<model::Bytes()> reserved = {};
  };

  Dispatcher(Parts parts, Options options);
  ~Dispatcher() override;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation) override;

  // Ends all instances and answers what waits with Unavailable.
  io::Task<void> stop();

  io::Task<void> taken_over(catalog::VersionPointer version) override;
  io::Task<void> warm(catalog::VersionPointer version, catalog::VersionPointer used) override;
  void prepare(const catalog::Resolved& target) override;
  std::optional<SteadyTime> last_waited_for() const override;
  InstanceCounts instances() const override;
  ProvisionedCounts provisioned(const model::Version& version) const override;

 private:
  enum class Fallback { Allowed, Refused };
  io::Task<Result<model::Outcome>> run(catalog::Resolved target, model::Invocation invocation, Fallback fallback);
  // What the function answers while its circuit breaker is open.
  io::Task<Result<model::Outcome>> fall_back(catalog::Resolved target, model::Invocation invocation, Error refusal);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::dispatch
