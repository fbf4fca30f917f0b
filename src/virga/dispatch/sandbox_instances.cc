#include "virga/dispatch/sandbox_instances.h"

#include "virga/base/assert.h"
#include "virga/base/problems.h"
#include "virga/dispatch/limits.h"
#include "virga/runtime/instance.h"
#include "virga/runtime/plan.h"

namespace virga::dispatch {

Result<> SandboxInstances::can_make(const model::Version& version) const {
  const auto* runtime = parts_.runtimes.find(version.config.runtime);
  if (runtime == nullptr) {
    return fail(ErrorCode::Unavailable, "no runtime here answers '" + version.config.runtime + "'");
  }
  if (!runtime->missing.empty()) return fail(problem::kNoInterpreter, runtime->missing);
  return {};
}

// Asked for every start: a tag holds from the next one on.
bool SandboxInstances::may_be_forked(const model::FunctionName& function) const {
  auto entry = parts_.catalog.function(function);
  if (!entry) return false;
  auto limits = read_limits((*entry)->function.tags);
  return limits && limits->templates == Templates::Allowed;
}

std::unique_ptr<runtime::AnyInstance> SandboxInstances::make(const catalog::VersionPointer& version,
                                                             runtime::InstanceOwner& owner) {
  const auto* runtime = parts_.runtimes.find(version->config.runtime);
  VIRGA_ASSERT(runtime != nullptr);
  runtime::CodeFolders folders;
  folders.code = parts_.catalog.packages().path(version->package.id);
  for (const auto& layer : version->layer_packages) {
    folders.layers.push_back(parts_.catalog.packages().path(layer.id));
  }
  auto plan =
      runtime::make_plan(version, *runtime, options_.platform, folders, options_.init_timeout, parts_.loop.clock());
  plan.can_be_forked = plan.can_be_forked && may_be_forked(version->function);
  return std::make_unique<runtime::Instance>(parts_.loop, parts_.sandboxes, std::move(plan), owner, &parts_.stems,
                                             &parts_.templates);
}

}  // namespace virga::dispatch
