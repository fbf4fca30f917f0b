#pragma once

#include <memory>

#include "virga/base/result.h"
#include "virga/io/task.h"
#include "virga/runtime/instance_plan.h"
#include "virga/runtime/loaded_process.h"

namespace virga::runtime {

// Where templates and their forks come from: sandboxes (SandboxTemplates), or fakes in tests. One loop. What it makes
// is shared between whoever asked and the watch for its end.
class TemplateMaker {
 public:
  virtual ~TemplateMaker() = default;

  // A process that has loaded the version of the plan and can be forked from now on. PreconditionFailed: its code keeps
  // it from being forked, and the message says how; Unimplemented: this machine has no forks, likewise.
  virtual io::Task<Result<std::shared_ptr<LoadedProcess>>> start(std::shared_ptr<const InstancePlan> plan) = 0;
  // An instance's process, ready for its first call. PreconditionFailed: the code refuses to run in a fork.
  virtual io::Task<Result<std::shared_ptr<LoadedProcess>>> fork(std::shared_ptr<LoadedProcess> of,
                                                                std::shared_ptr<const InstancePlan> plan) = 0;
  // Lets what is under way fail soon.
  virtual void cancel() = 0;
  // Ends it. Forks of a template live on.
  virtual io::Task<void> end(std::shared_ptr<LoadedProcess> process) = 0;
};

}  // namespace virga::runtime
