#pragma once

#include <cstdint>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/io/task.h"
#include "virga/model/invocation.h"

namespace virga::dispatch {

struct InstanceCounts {
  std::uint32_t starting = 0;
  std::uint32_t idle = 0;
  std::uint32_t busy = 0;
};

// Whoever runs invocations: the Dispatcher, or a fake in the tests of those who call it. One loop.
class Invoker {
 public:
  virtual ~Invoker() = default;

  // Runs it and gives how it ended. Errors are refusals, before anything ran:
  //   ResourceExhausted  a concurrency limit is reached; the message names it, its value and what changes it
  //   Conflict           the version is not ready yet (Pending) or failed to deploy
  //   Unavailable        it waited too long for an instance, the runtime's interpreter is missing, or Virga is stopping
  virtual io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation) = 0;

  // Runs it later, once, without an answer: Event invocations. Kept in memory until the durable queue comes.
  // ResourceExhausted when too many wait.
  virtual Result<> invoke_later(catalog::Resolved target, model::Invocation invocation) = 0;

  virtual InstanceCounts instances() const = 0;
};

}  // namespace virga::dispatch
