#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "virga/io/loop.h"
#include "virga/io/task_group.h"
#include "virga/runtime/sandboxes.h"
#include "virga/runtime/template_maker.h"

namespace virga::runtime {

// Templates in sandboxes of their own, and forks of them. One loop; stop() is awaited before this is destroyed.
class SandboxTemplates final : public TemplateMaker {
 public:
  // `sandboxes` outlives this.
  SandboxTemplates(io::Loop& loop, Sandboxes& sandboxes) : loop_(loop), sandboxes_(sandboxes), tasks_(loop) {}

  io::Task<Result<std::shared_ptr<LoadedProcess>>> start(std::shared_ptr<const InstancePlan> plan) override;
  io::Task<Result<std::shared_ptr<LoadedProcess>>> fork(std::shared_ptr<LoadedProcess> of,
                                                        std::shared_ptr<const InstancePlan> plan) override;
  void cancel() override;
  io::Task<void> end(std::shared_ptr<LoadedProcess> process) override;

  io::Task<Result<>> stop() { return tasks_.join(); }

 private:
  io::Task<Result<>> wait_until_ready(std::shared_ptr<LoadedProcess> process, std::chrono::milliseconds longest);
  io::Task<void> read_output(std::shared_ptr<LoadedProcess> process);
  io::Task<void> measure(std::shared_ptr<LoadedProcess> process);

  io::Loop& loop_;
  Sandboxes& sandboxes_;
  io::TaskGroup tasks_;
  bool is_cancelled_ = false;
  std::vector<std::shared_ptr<LoadedProcess>> pending_;  // whose being ready is waited for
};

}  // namespace virga::runtime
