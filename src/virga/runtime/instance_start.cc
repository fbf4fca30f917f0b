// The ways in which an instance begins: as a fork, from a stem, from nothing.
#include <algorithm>

#include "virga/runtime/instance.h"
#include "virga/runtime/launch.h"

namespace virga::runtime {
namespace {

using std::chrono::microseconds;

// Lets whoever started an instance go on before it is ready, as all of them expect.
struct LaterInThisRound {
  io::Loop& loop;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { loop.resume_soon(handle); }
  void await_resume() const {}
};

microseconds since(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

}  // namespace

bool Instance::is_entrypoint_fault(const Error& error) const {
  if (plan_.runtime->contract != ContractKind::RuntimeApi) return false;
  return error.code() == ErrorCode::NotFound || error.code() == ErrorCode::PermissionDenied;
}

io::Task<Result<>> Instance::start() {
  if (templates_ != nullptr) {
    bool is_fork = co_await start_as_fork();
    if (is_fork) co_return Result<>();
  }
  if (stems_ == nullptr) {
    cold_reason_ = "stems are off";
  } else {
    auto taken = stems_->take(plan_);
    cold_reason_ = std::move(taken.reason);
    if (taken.stem != nullptr) {
      bool is_bound = co_await adopt(std::move(taken.stem));
      if (is_bound) co_return Result<>();
      cold_reason_ = "the stem could not be bound";
    }
  }
  auto begin = loop_.clock().steady();
  VIRGA_CO_TRY(co_await start_cold());
  process_at_ = loop_.clock().steady();
  start_phases_.start = since(begin, process_at_);
  co_return Result<>();
}

io::Task<bool> Instance::start_as_fork() {
  auto begin = loop_.clock().steady();
  auto taken = templates_->take(plan_);
  bool is_made_now = taken.fork == nullptr && taken.can_fork;
  if (is_made_now) {
    auto forked = templates_->fork(plan_.version->revision.text());
    taken = co_await std::move(forked);
  }
  if (taken.fork == nullptr) {
    no_fork_reason_ = std::move(taken.reason);
    co_return false;
  }
  LaterInThisRound later{loop_};
  co_await later;
  auto adopted = adopt(std::move(taken));
  bool is_adopted = co_await std::move(adopted);
  if (is_adopted && is_made_now) cold_reason_ = "none was waiting";
  process_at_ = loop_.clock().steady();
  // A start that is shown as one, however quick it was.
  if (is_adopted) start_phases_.start = std::max(since(begin, process_at_), microseconds(1));
  co_return is_adopted;
}

io::Task<bool> Instance::adopt(Templates::Taken taken) {
  auto& fork = *taken.fork;
  if (fork.is_broken || !sandboxes_.watch(fork.sandbox, on_ended())) {
    no_fork_reason_ = "its fork ended at once";
    sandboxes_.kill(fork.sandbox);
    fork.output->close();
    co_await fork.frames->stop();
    co_return false;
  }
  sandbox_ = fork.sandbox;
  is_started_ = true;
  start_kind_ = model::StartKind::Fork;
  shared_memory_ = taken.shared_bytes;
  idle_log_ = std::move(taken.log) + std::move(fork.log);
  frames_ = std::move(fork.frames);
  frames_->set_sink(*this);
  output_ = std::move(fork.output);
  tasks_.add(read_output());
  contract_ready(Speaker::Frames, 1);
  co_return true;
}

Sandboxes::OnEnded Instance::on_ended() {
  return [this](const sandbox::Ended& ended) {
    exit_ = ended;
    ended_.set();
    initialized_.set();
  };
}

io::Task<Result<>> Instance::start_cold() {
  auto spec = plan_.spec;
  spec.id = sandbox_ = sandboxes_.next_id();
  // BIND lies in the socket when the process begins to read.
  VIRGA_CO_TRY_ASSIGN(auto launched,
                      co_await launch(loop_, sandboxes_, std::move(spec), plan_.bind, *this, on_ended()));
  is_started_ = true;
  frames_ = std::move(launched.frames);
  output_.emplace(std::move(launched.output));
  if (launched.listener.valid()) {
    VIRGA_CO_TRY_ASSIGN(api_, RuntimeApi::create(loop_, std::move(launched.listener), *this));
  }
  tasks_.add(read_output());
  co_return Result<>();
}

io::Task<bool> Instance::adopt(std::unique_ptr<Stem> stem) {
  auto begin = loop_.clock().steady();
  sandbox::Binding binding;
  binding.id = stem->sandbox;
  binding.code_directory = plan_.spec.code_directory;
  binding.layer_directories = plan_.spec.layer_directories;
  binding.limits = plan_.spec.limits;
  binding.network = plan_.spec.network;
  auto bound = co_await sandboxes_.bind(std::move(binding), on_ended());
  if (!bound || stem->is_broken) {
    if (!bound) stems_->bind_failed(bound.error());
    sandboxes_.kill(stem->sandbox);
    stem->output->close();
    co_await stem->frames->stop();
    co_return false;
  }
  stems_->bind_succeeded();
  sandbox_ = stem->sandbox;
  is_started_ = true;
  start_kind_ = model::StartKind::Stem;
  frames_ = std::move(stem->frames);
  frames_->set_sink(*this);
  output_ = std::move(stem->output);
  frames_->bind(plan_.bind);
  tasks_.add(read_output());
  process_at_ = loop_.clock().steady();
  if (stem->has_booted) booted_at_ = process_at_;
  start_phases_.attach = since(begin, process_at_);
  co_return true;
}

}  // namespace virga::runtime
