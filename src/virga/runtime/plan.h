#pragma once

#include <memory>
#include <string>
#include <vector>

#include "virga/model/function.h"
#include "virga/runtime/environment.h"
#include "virga/runtime/instance_plan.h"
#include "virga/runtime/runtimes.h"

namespace virga::runtime {

// Where the unpacked code of a version lies on the host.
struct CodeFolders {
  std::string code;
  std::vector<std::string> layers;  // in the order of the function's settings
};

// How an instance of this version is started. Looks at the disk briefly (is there a lib folder?).
InstancePlan make_plan(std::shared_ptr<const model::Version> version, const Runtime& runtime, const Platform& platform,
                       const CodeFolders& folders, std::chrono::milliseconds init_timeout, const Clock& clock);

}  // namespace virga::runtime
