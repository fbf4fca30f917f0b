#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "virga/base/clock.h"
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

// Of the instances that provisioned concurrency keeps ready for a version.
struct ProvisionedCounts {
  std::uint32_t allocated = 0;  // started or starting
  std::uint32_t available = 0;  // ready
  std::string failure;          // why the last start failed; "" if it did not
};

// Whoever runs invocations: the Dispatcher, or a fake in the tests of those who call it. One loop.
class Invoker {
 public:
  virtual ~Invoker() = default;

  // Runs it and gives how it ended. Errors are refusals, before anything ran:
  //   ResourceExhausted  a concurrency or rate limit is reached; the message is as refusals.h has it
  //   Conflict           the version is not ready yet (Pending) or failed to deploy
  //   Unavailable        it waited too long for an instance or would, the function's circuit breaker is open (both as
  //                      refusals.h has it), the runtime's interpreter is missing, or Virga is stopping
  virtual io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation) = 0;

  // Ends when calls of this version, which has just become the function's $LATEST, go to its own instances. Until then
  // the one it replaced runs them, if it has instances.
  virtual io::Task<void> taken_over(catalog::VersionPointer version) = 0;

  // For an alias that is about to name `version` in the place of `used`: ends when it has an instance that is ready, or
  // none could be started within ten seconds. At once where `used` has no instances: nobody would notice.
  virtual io::Task<void> warm(catalog::VersionPointer version, catalog::VersionPointer used) = 0;

  // A call of this target is known to come within seconds: starts an instance for it if there is none, in room that is
  // free. Nothing is ended for it, and nothing is done for a version with provisioned concurrency.
  virtual void prepare(const catalog::Resolved& target) = 0;

  // When a call that somebody waits for (no event) last began or ended: work that can wait leaves those the room.
  // nullopt: never.
  virtual std::optional<SteadyTime> last_waited_for() const { return std::nullopt; }
  virtual InstanceCounts instances() const = 0;
  virtual ProvisionedCounts provisioned(const model::Version& version) const = 0;
};

}  // namespace virga::dispatch
