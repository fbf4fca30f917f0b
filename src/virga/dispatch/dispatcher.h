#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/dispatch/options.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/ledger/logs.h"
#include "virga/model/invocation.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/sandboxes.h"
#include "virga/telemetry/metrics.h"

namespace virga::dispatch {

// Decides who runs an invocation and how many instances there are. One loop. Instances of a version form a pool; a call
// goes to an idle instance, or waits in the pool's queue while instances are started.
class Dispatcher {
 public:
  // All of these outlive the dispatcher.
  struct Parts {
    io::Loop& loop;
    catalog::Catalog& catalog;
    runtime::Sandboxes& sandboxes;
    const runtime::Runtimes& runtimes;
    ledger::Logs& logs;
    telemetry::Registry& metrics;
  };

  Dispatcher(Parts parts, Options options);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Runs it and gives how it ended. Errors are refusals, before anything ran:
  //   ResourceExhausted  a concurrency limit is reached; the message names it, its value and what changes it
  //   Conflict           the version is not ready yet (Pending) or failed to deploy
  //   Unavailable        it waited too long for an instance, the runtime's interpreter is missing, or Virga is stopping
  io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation);

  // Runs it later, once, without an answer: Event invocations. Kept in memory until the durable queue comes.
  // ResourceExhausted when too many wait.
  Result<> invoke_later(catalog::Resolved target, model::Invocation invocation);

  // Ends all instances and answers what waits with Unavailable.
  io::Task<void> stop();

  struct InstanceCounts {
    std::uint32_t starting = 0;
    std::uint32_t idle = 0;
    std::uint32_t busy = 0;
  };
  InstanceCounts instances() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::dispatch
