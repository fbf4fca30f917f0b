#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/io/loop.h"
#include "virga/io/stream.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/model/function.h"
#include "virga/model/invocation.h"
#include "virga/runtime/any_instance.h"
#include "virga/runtime/call.h"
#include "virga/runtime/calls_in_flight.h"
#include "virga/runtime/contracts/frames_channel.h"
#include "virga/runtime/contracts/runtime_api.h"
#include "virga/runtime/contracts/sink.h"
#include "virga/runtime/instance_plan.h"
#include "virga/runtime/log_intake.h"
#include "virga/runtime/runtimes.h"
#include "virga/runtime/sandboxes.h"
#include "virga/runtime/stems.h"
#include "virga/runtime/templates.h"

namespace virga::runtime {

// One sandboxed process that serves one version: starts it, speaks its contract, holds it to its timeouts, and ends it.
class Instance final : public AnyInstance, public ContractSink {
 public:
  // Without `stems` every start is cold, without `templates` none is a fork. All outlive it.
  Instance(io::Loop& loop, Sandboxes& sandboxes, InstancePlan plan, InstanceOwner& owner, Stems* stems = nullptr,
           Templates* templates = nullptr);
  ~Instance() override;

  io::Task<End> run() override;
  void give(Call& call) override;
  bool freeze() override;
  void kill() override;

  State state() const override { return state_; }
  bool can_prefetch() const override { return speaks_frames_ && in_flight_.limit() == 1; }
  std::size_t concurrency() const override { return in_flight_.limit(); }
  SteadyTime::duration head_age(SteadyTime now) const override {
    const auto* oldest = in_flight_.oldest();
    return oldest == nullptr ? SteadyTime::duration::zero() : now - oldest->started;
  }
  model::Phases start_phases() const override { return start_phases_; }
  model::Bytes memory() const override { return memory_; }

 private:
  void contract_ready(Speaker speaker, std::uint32_t concurrency) override;
  void contract_booted() override;
  void contract_init_error(std::string_view error_json) override;
  void contract_result(std::uint64_t number, std::string_view payload) override;
  void contract_error(std::uint64_t number, std::string_view error_json) override;
  void contract_log(std::uint64_t number, std::string_view lines) override;
  void contract_last() override;
  void contract_closed() override;
  void contract_broken(std::string_view why) override;

  io::Task<Result<>> start();
  // Whether a fork is this instance now.
  io::Task<bool> start_as_fork();
  io::Task<bool> adopt(Templates::Taken taken);
  io::Task<Result<>> start_cold();
  // Whether the stem is this instance now. It is ended if not.
  io::Task<bool> adopt(std::unique_ptr<Stem> stem);
  Sandboxes::OnEnded on_ended();
  // Whether a sandbox did not start because of what the package brings.
  bool is_entrypoint_fault(const Error& error) const;
  io::Task<void> read_output();
  io::Task<void> kill_unless_it_exits();
  io::Task<void> sample_memory();
  io::Task<void> finish_with_memory(Call& call);
  void take_output(std::string_view bytes);
  void drain_output();
  void end_init();
  // Whether the call of this number runs; if not, the contract is broken, or the answer comes too late.
  bool is_answerable(std::uint64_t number);
  // Finishes the call of this number, which runs.
  void answer(std::uint64_t number, model::Fault fault, std::string_view payload);
  void finish(Call& call);
  void check_timeout();
  void fail_init(model::Fault fault, std::string payload);
  void process_ended(const sandbox::Ended& ended);
  std::string exit_payload(const Call* call) const;

  io::Loop& loop_;
  Sandboxes& sandboxes_;
  InstancePlan plan_;
  InstanceOwner& owner_;
  Stems* stems_;
  Templates* templates_;
  Stems::Hold hold_;  // until its first call is done
  io::TaskGroup tasks_;
  State state_ = State::Starting;

  std::uint64_t sandbox_ = 0;
  std::unique_ptr<FramesChannel> frames_;
  std::unique_ptr<RuntimeApi> api_;
  std::optional<io::Stream> output_;
  LogIntake intake_;
  bool speaks_frames_ = false;  // otherwise the Runtime API; known when it is ready
  bool output_used_ = false;    // the process wrote to descriptor 1 or 2
  std::string idle_log_;        // what it wrote outside of a call

  io::Event initialized_;  // ready, failed or ended
  io::Event ended_;        // no process is left
  std::optional<sandbox::Ended> exit_;
  std::optional<model::Outcome> init_failure_;
  bool is_started_ = false;    // the sandbox was made
  bool is_killed_ = false;     // or will be, as soon as it is made
  bool is_uncertain_ = false;  // as End says it
  bool said_last_ = false;     // it begins nothing more
  bool said_ready_ = false;    // through its contract
  bool was_ready_ = false;     // and was taken for it

  CallsInFlight in_flight_;
  io::Timer timeout_;
  io::Timer quota_timer_;
  bool quota_holds_ = false;  // the CPU quota of the function's settings
  model::Phases start_phases_;
  model::StartKind start_kind_ = model::StartKind::Cold;
  std::string cold_reason_;
  std::string no_fork_reason_;
  std::uint64_t shared_memory_ = 0;  // bytes that a fork has of its template, and that count as the template's
  SteadyTime process_at_;            // when its process was there, or was bound
  SteadyTime booted_at_;             // when it said that it has booted; not set: it did not say it
  bool first_call_ = true;
  bool is_frozen_ = false;
  std::uint64_t peak_memory_ = 0;  // bytes
  model::Bytes memory_;            // at the last sample
  SteadyTime memory_sampled_;
  bool sampling_ = false;
};

// {"errorType":TYPE,"errorMessage":MESSAGE}
std::string error_payload(std::string_view type, std::string_view message);

}  // namespace virga::runtime
