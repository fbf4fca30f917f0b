#include "virga/runtime/sandbox_templates.h"

#include <utility>

#include "virga/runtime/environment.h"
#include "virga/runtime/launch.h"

namespace virga::runtime {
namespace {

// As runtimes/python/virga_runtime/main.py names it.
constexpr std::string_view kCannotFork = "Runtime.CannotFork";

Sandboxes::OnEnded spoils(const std::shared_ptr<LoadedProcess>& process) {
  return [watched = std::weak_ptr<LoadedProcess>(process)](const sandbox::Ended&) {
    if (auto ended = watched.lock()) ended->spoil();
  };
}

}  // namespace

io::Task<Result<std::shared_ptr<LoadedProcess>>> SandboxTemplates::start(std::shared_ptr<const InstancePlan> plan) {
  auto process = std::make_shared<LoadedProcess>(loop_, LoadedProcess::Kind::Template);
  auto spec = plan->spec;
  spec.stage = sandbox::Stage::Template;
  spec.environment.push_back("VIRGA_FORKS_FD=4");
  spec.id = process->sandbox = sandboxes_.next_id();
  VIRGA_CO_TRY_ASSIGN(auto launched,
                      co_await launch(loop_, sandboxes_, std::move(spec), plan->bind, *process, spoils(process)));
  process->frames = std::move(launched.frames);
  process->output.emplace(std::move(launched.output));
  tasks_.add(read_output(process));
  auto ready = co_await wait_until_ready(process, plan->init_timeout);
  if (ready) {
    co_await measure(process);
    co_return process;
  }
  sandboxes_.kill(process->sandbox);
  co_await end(process);
  co_return fail(std::move(ready).error());
}

io::Task<Result<std::shared_ptr<LoadedProcess>>> SandboxTemplates::fork(std::shared_ptr<LoadedProcess> of,
                                                                        std::shared_ptr<const InstancePlan> plan) {
  auto process = std::make_shared<LoadedProcess>(loop_, LoadedProcess::Kind::Fork);
  sandbox::Fork fork;
  fork.of = of->sandbox;
  fork.id = process->sandbox = sandboxes_.next_id();
  fork.limits = plan->spec.limits;
  auto bind = fork_bind_body(make_log_stream(*plan->version, loop_.clock().wall()));
  VIRGA_CO_TRY_ASSIGN(auto launched,
                      co_await launch_fork(loop_, sandboxes_, fork, std::move(bind), *process, spoils(process)));
  process->frames = std::move(launched.frames);
  process->output.emplace(std::move(launched.output));
  auto ready = co_await wait_until_ready(process, plan->init_timeout);
  if (ready) co_return process;
  co_await end(process);
  co_return fail(std::move(ready).error());
}

io::Task<Result<>> SandboxTemplates::wait_until_ready(std::shared_ptr<LoadedProcess> process,
                                                      std::chrono::milliseconds longest) {
  if (is_cancelled_) process->settled.set();
  pending_.push_back(process);
  auto settled = co_await process->settled.wait(io::Deadline::in(loop_, longest));
  std::erase(pending_, process);
  if (process->is_ready && !process->is_broken) co_return Result<>();
  if (!settled) co_return fail(ErrorCode::DeadlineExceeded, "it was not ready in time");
  if (process->error_type == kCannotFork) co_return fail(ErrorCode::PreconditionFailed, process->error);
  if (process->error_type.empty()) co_return fail(ErrorCode::Unavailable, "its process ended");
  auto text = process->error_type + ": " + process->error;
  // What an instance started whole would do just so is no matter of forks.
  bool is_fork = process->kind == LoadedProcess::Kind::Fork;
  co_return fail(is_fork ? ErrorCode::PreconditionFailed : ErrorCode::Unavailable,
                 is_fork ? "virga.after_fork failed: " + text : text);
}

void SandboxTemplates::cancel() {
  is_cancelled_ = true;
  for (const auto& process : pending_) process->settled.set();
}

io::Task<void> SandboxTemplates::measure(std::shared_ptr<LoadedProcess> process) {
  auto usage = co_await sandboxes_.usage(process->sandbox);
  if (usage) process->memory_bytes = usage->memory_bytes;
}

io::Task<void> SandboxTemplates::read_output(std::shared_ptr<LoadedProcess> process) {
  char buffer[4096];
  while (true) {
    auto count = co_await process->output->read_some(buffer);
    if (!count || *count == 0) co_return;
    process->add_log({buffer, *count});
  }
}

io::Task<void> SandboxTemplates::end(std::shared_ptr<LoadedProcess> process) {
  process->on_break = nullptr;
  if (process->kind == LoadedProcess::Kind::Fork) sandboxes_.kill(process->sandbox);
  if (process->output) process->output->close();
  // A template ends by itself when nobody holds the other side of its frames.
  if (process->frames) co_await process->frames->stop();
}

}  // namespace virga::runtime
