#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "virga/model/function.h"
#include "virga/runtime/runtimes.h"
#include "virga/sandbox/spec.h"

namespace virga::runtime {

// Everything an instance is started with. A value.
struct InstancePlan {
  std::shared_ptr<const model::Version> version;  // shared with the catalog's readers
  const Runtime* runtime = nullptr;               // outlives the instance
  sandbox::Spec spec;                             // complete but for its id
  std::string bind;                               // body of the BIND frame
  std::chrono::milliseconds init_timeout{};
  bool can_be_forked = false;  // an instance may be a fork of a process that has loaded this version
  bool starts_prepared =
      false;  // its command line names derived files, which no stem has: it starts sooner than a stem boots
  std::string cold_reason;  // why no stem can take it: "NODE_OPTIONS is set"; "": one can
};

}  // namespace virga::runtime
