#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "virga/base/result.h"
#include "virga/catalog/entries.h"
#include "virga/runtime/any_instance.h"

namespace virga::dispatch {

// Where pools get their instances from: sandboxes (SandboxInstances), or fakes in tests. One loop; outlives the pools.
class InstanceMaker {
 public:
  virtual ~InstanceMaker() = default;
  // Unavailable: nothing on this machine runs this version; the message says what is missing.
  virtual Result<> can_make(const model::Version& version) const = 0;
  // An instance that is not started yet: its run() does that. The owner outlives it.
  virtual std::unique_ptr<runtime::AnyInstance> make(const catalog::VersionPointer& version,
                                                     runtime::InstanceOwner& owner) = 0;
  // What the start of the next instance takes, if it is going to be a fork.
  virtual std::optional<std::chrono::microseconds> fork_time(const model::Version& version) const = 0;
  // No more instances of this version are wanted, for now: what was kept for them may go.
  virtual void retire(const model::Version& version) = 0;
};

}  // namespace virga::dispatch
