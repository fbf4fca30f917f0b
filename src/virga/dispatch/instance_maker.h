#pragma once

#include <memory>

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
};

}  // namespace virga::dispatch
