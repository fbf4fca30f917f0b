#pragma once

#include <cstdint>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/dispatch/invoker.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task_group.h"
#include "virga/model/invocation.h"

namespace virga::dispatch {

// Event invocations: nobody waits for them, so they are tried again, as often and as late as AWS Lambda does with its
// defaults (twice, after one and two minutes: "Asynchronous invocation", Lambda developer guide). A refusal is no
// attempt; it waits a second and then ever longer. Kept in memory. One loop.
class Later {
 public:
  // `invoker` outlives it.
  Later(io::Loop& loop, Invoker& invoker, std::uint32_t limit);

  // ResourceExhausted when `limit` of them wait already.
  Result<> add(catalog::Resolved target, model::Invocation invocation);
  // Gives up what waits.
  io::Task<void> stop();

 private:
  io::Task<void> run(catalog::Resolved target, model::Invocation invocation);

  io::Loop& loop_;
  Invoker& invoker_;
  std::uint32_t limit_;
  io::TaskGroup tasks_;
  io::Event stop_asked_;
};

}  // namespace virga::dispatch
