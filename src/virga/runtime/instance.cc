#include "virga/runtime/instance.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <csignal>

#include "virga/runtime/launch.h"
#include "virga/telemetry/log.h"

namespace virga::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kMaxResponse = 6291556;
constexpr milliseconds kMemorySampleTime{200};
constexpr milliseconds kUnlimitedTime{50};  // after loading, until the CPU quota holds, or the end of the first call
constexpr milliseconds kExitTime{1000};     // for a process that said or showed that it ends

microseconds since(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<microseconds>(to - from);
}

// Virga may have ended what was left of it before the kernel's verdict arrived.
bool ran_out_of_memory(const sandbox::Ended& ended) {
  return ended.reason != sandbox::EndReason::Exited &&
         (ended.reason == sandbox::EndReason::OutOfMemory || ended.oom_kills > 0);
}

std::string signal_name(int signal) {
  switch (signal) {
    case SIGKILL:
      return "killed";
    case SIGSEGV:
      return "segmentation fault";
    case SIGABRT:
      return "aborted";
    case SIGSYS:
      return "bad system call";
    case SIGTERM:
      return "terminated";
    default:
      return std::to_string(signal);
  }
}

}  // namespace

std::string error_payload(std::string_view type, std::string_view message) {
  boost::json::object body{{"errorType", type}, {"errorMessage", message}};
  return boost::json::serialize(body);
}

Instance::Instance(io::Loop& loop, Sandboxes& sandboxes, InstancePlan plan, InstanceOwner& owner, Stems* stems,
                   Templates* templates)
    : loop_(loop),
      sandboxes_(sandboxes),
      plan_(std::move(plan)),
      owner_(owner),
      stems_(stems),
      templates_(templates),
      tasks_(loop),
      intake_(loop.now()),
      initialized_(loop),
      ended_(loop),
      timeout_(loop),
      quota_timer_(loop) {}

Instance::~Instance() = default;

io::Task<Instance::End> Instance::run() {
  End end;
  if (stems_ != nullptr) hold_ = stems_->hold();
  if (auto started = co_await start(); !started) {
    state_ = State::Ending;
    auto error = std::move(started).error();
    if (is_entrypoint_fault(error)) {
      fail_init(
          model::Fault::InitFailed,
          error_payload("Runtime.InvalidEntrypoint",
                        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]: " + error.message() +
                            ". The package or a layer must bring an executable file of that name"));
    } else {
      end.refusal = std::move(error);
    }
  } else {
    if (is_killed_) kill();  // it could not be before
    auto waited = co_await initialized_.wait(io::Deadline::at(process_at_ + plan_.init_timeout));
    if (start_kind_ != model::StartKind::Fork) {
      auto loading_at = std::max(process_at_, booted_at_);
      start_phases_.boot = since(process_at_, loading_at);
      start_phases_.init = since(loading_at, loop_.clock().steady());
    }
    if (!waited) {
      auto seconds = static_cast<double>(plan_.init_timeout.count()) / 1000;
      fail_init(
          model::Fault::InitFailed,
          error_payload("Sandbox.Timedout", fmt::format("Initialization timed out after {:.2f} seconds", seconds)));
    }
    if (said_ready_ && state_ == State::Starting) {
      state_ = State::Ready;
      was_ready_ = true;
      // The first call still has code to compile: it belongs to the start, for a while.
      quota_timer_.start(io::Deadline::at(loop_.clock().steady() + kUnlimitedTime), [this] { end_init(); });
      owner_.instance_ready(*this);
      // So that the first call need not wait for its figure.
      tasks_.add(sample_memory());
    } else {
      kill();
    }
    auto gone = co_await ended_.wait();
    (void)gone;
  }
  state_ = State::Ending;
  hold_ = Stems::Hold();
  timeout_.cancel();
  quota_timer_.cancel();
  if (exit_) process_ended(*exit_);
  if (frames_) co_await frames_->stop();
  if (api_) co_await api_->stop();
  if (output_) output_->close();
  auto joined = co_await tasks_.join();
  (void)joined;
  end.was_ready = was_ready_;
  if (init_failure_) {
    init_failure_->phases = start_phases_;
    init_failure_->start_kind = start_kind_;
    init_failure_->cold_reason = cold_reason_;
    init_failure_->no_fork_reason = no_fork_reason_;
    init_failure_->max_memory.count = peak_memory_;
    end.failure = std::move(init_failure_);
  }
  end.unstarted = in_flight_.take_all();
  end.is_uncertain = is_uncertain_;
  if (!idle_log_.empty()) owner_.instance_logged(*this, std::exchange(idle_log_, {}));
  co_return end;
}

void Instance::end_init() {
  if (quota_holds_) return;
  quota_holds_ = true;
  quota_timer_.cancel();
  sandboxes_.end_init(sandbox_);
}

void Instance::kill() {
  state_ = State::Ending;
  is_killed_ = true;
  if (is_started_) sandboxes_.kill(sandbox_);
}

bool Instance::freeze() {
  is_frozen_ = sandboxes_.freeze(sandbox_);
  return is_frozen_;
}

void Instance::give(Call& call) {
  // What follows is written at once and lies in the socket until the process reads it.
  if (std::exchange(is_frozen_, false)) sandboxes_.thaw(sandbox_);
  auto now = std::exchange(call.is_fresh, false) ? call.arrived : loop_.clock().steady();
  auto deadline = unix_milliseconds(loop_.wall()) + call.timeout.count();
  auto number = in_flight_.add(call, now);
  call.outcome.phases.queue = since(call.arrived, now);
  if (!timeout_.running()) timeout_.start(io::Deadline::at(now + call.timeout), [this] { check_timeout(); });
  if (speaks_frames_) {
    frames_->invoke(number, call.invocation, deadline);
  } else {
    api_->invoke(number, call.invocation, deadline);
  }
}

void Instance::check_timeout() {
  // Started once for a call and left alone when that one ends: it looks here who runs now. All calls have the same
  // timeout, so the oldest is due first.
  if (in_flight_.empty() || is_killed_ || said_last_) return;
  auto& oldest = *in_flight_.oldest();
  auto due = oldest.started + oldest.timeout;
  if (loop_.clock().steady() < due) {
    timeout_.start(io::Deadline::at(due), [this] { check_timeout(); });
    return;
  }
  bool runs_several = in_flight_.limit() > 1;
  if (!runs_several || in_flight_.size() == 1) kill();
  if (!runs_several && in_flight_.size() > 1) {
    is_uncertain_ = true;
    return;
  }
  auto seconds = static_cast<double>(oldest.timeout.count()) / 1000;
  // One of several cannot be ended alone: the others go on to their own ends, and nothing more is given.
  state_ = State::Ending;
  answer(in_flight_.oldest_number(), model::Fault::TimedOut,
         error_payload("Sandbox.Timedout", fmt::format("RequestId: {} Error: Task timed out after {:.2f} seconds",
                                                       oldest.invocation.id.text(), seconds)));
  if (!in_flight_.empty()) check_timeout();
}

void Instance::contract_ready(Speaker speaker, std::uint32_t concurrency) {
  if (state_ != State::Starting || said_ready_ || init_failure_) return;
  said_ready_ = true;
  speaks_frames_ = speaker == Speaker::Frames;
  in_flight_.set_limit(std::clamp<std::size_t>(concurrency, 1, plan_.version->config.concurrency));
  initialized_.set();
}

void Instance::contract_booted() {
  if (booted_at_ == SteadyTime()) booted_at_ = loop_.clock().steady();
}

void Instance::contract_init_error(std::string_view error_json) {
  if (state_ != State::Starting) return;
  drain_output();
  fail_init(model::Fault::InitFailed, std::string(error_json));
}

void Instance::fail_init(model::Fault fault, std::string payload) {
  if (init_failure_ || was_ready_) return;
  init_failure_.emplace();
  init_failure_->fault = fault;
  init_failure_->payload = std::move(payload);
  initialized_.set();
}

bool Instance::is_answerable(std::uint64_t number) {
  if (in_flight_.running(number) != nullptr) return true;
  // Where one of several has timed out, its answer may still come.
  bool may_be_late = in_flight_.limit() > 1 && state_ == State::Ending;
  if (!may_be_late) contract_broken("an answer to another invocation than one that runs");
  return false;
}

void Instance::contract_result(std::uint64_t number, std::string_view payload) {
  if (!is_answerable(number)) return;
  if (payload.size() > kMaxResponse) {
    answer(number, model::Fault::ResponseTooLarge,
           error_payload("Function.ResponseSizeTooLarge",
                         "Response payload size exceeded maximum allowed payload size (6291556 bytes)."));
    return;
  }
  answer(number, model::Fault::None, payload);
}

void Instance::contract_error(std::uint64_t number, std::string_view error_json) {
  if (is_answerable(number)) answer(number, model::Fault::Reported, error_json);
}

void Instance::contract_log(std::uint64_t number, std::string_view lines) {
  auto now = loop_.now();
  auto* call = in_flight_.running(number);
  intake_.add_lines(lines, now, call != nullptr ? call->log : idle_log_);
  if (call == nullptr && state_ == State::Ready) owner_.instance_logged(*this, std::exchange(idle_log_, {}));
}

void Instance::contract_last() {
  if (std::exchange(said_last_, true)) return;
  if (state_ == State::Ready) state_ = State::Ending;
  tasks_.add(kill_unless_it_exits());
}

void Instance::contract_closed() {
  // A program that speaks the Runtime API need not keep the frames socket.
  if (api_ && !speaks_frames_) return;
  tasks_.add(kill_unless_it_exits());
}

void Instance::contract_broken(std::string_view why) {
  log::warn("instance broke its contract", {{"function", plan_.version->function}, {"why", why}});
  if (!was_ready_) fail_init(model::Fault::InitFailed, error_payload("Runtime.InvalidFrames", why));
  kill();
}

io::Task<void> Instance::kill_unless_it_exits() {
  // A process that closes its socket is about to end, and its exit status says why.
  auto exited = co_await ended_.wait(io::Deadline::in(loop_, kExitTime));
  if (!exited) kill();
}

void Instance::take_output(std::string_view bytes) {
  output_used_ = true;
  auto now = loop_.now();
  intake_.add_bytes(bytes, now, in_flight_.empty() ? idle_log_ : in_flight_.oldest()->log);
  if (in_flight_.empty() && state_ == State::Ready && !idle_log_.empty()) {
    owner_.instance_logged(*this, std::exchange(idle_log_, {}));
  }
}

io::Task<void> Instance::read_output() {
  char buffer[16384];
  while (true) {
    auto count = co_await output_->read_some(buffer);
    if (!count || *count == 0) co_return;
    take_output({buffer, *count});
  }
}

void Instance::drain_output() {
  if (!output_ || !output_->is_open()) return;
  char buffer[16384];
  // Bounded: a process that writes without end must not hold the loop.
  for (int i = 0; i < 64; ++i) {
    ssize_t count = ::read(output_->descriptor().get(), buffer, sizeof(buffer));
    if (count <= 0) return;
    take_output({buffer, static_cast<std::size_t>(count)});
  }
}

void Instance::answer(std::uint64_t number, model::Fault fault, std::string_view payload) {
  // What the process wrote before it answered lies in the pipe already. Processes that never use the pipe are not
  // asked.
  if (output_used_ || !speaks_frames_) drain_output();
  auto& call = *in_flight_.running(number);
  intake_.finish(loop_.now(), call.log);
  auto now = loop_.clock().steady();
  in_flight_.remove(number, now);
  call.outcome.fault = fault;
  call.outcome.payload.assign(payload);
  call.outcome.phases.run = since(call.started, now);
  if (first_call_) {
    first_call_ = false;
    hold_ = Stems::Hold();
    end_init();
    auto run = call.outcome.phases.run;
    // It waited through the start, which has phases of its own.
    auto queue = std::max(call.outcome.phases.queue - start_phases_.of_start(), microseconds(0));
    call.outcome.phases = start_phases_;
    call.outcome.phases.queue = queue;
    call.outcome.phases.run = run;
    call.outcome.start_kind = start_kind_;
    call.outcome.cold_reason = cold_reason_;
    call.outcome.no_fork_reason = no_fork_reason_;
    call.log.insert(0, std::exchange(idle_log_, {}));
  }
  bool drains = in_flight_.limit() > 1 && state_ == State::Ending && !said_last_;
  if (drains && in_flight_.empty()) kill();
  // The look that began when it became ready is mostly over by now; if not, the first report waits for it.
  bool wants_exact = call.invocation.log_tail == model::LogTail::Wanted || peak_memory_ == 0;
  if (wants_exact && is_started_ && !exit_) {
    tasks_.add(finish_with_memory(call));
    return;
  }
  if (!sampling_ && now - memory_sampled_ > kMemorySampleTime && state_ == State::Ready) tasks_.add(sample_memory());
  finish(call);
}

void Instance::finish(Call& call) {
  // The sandbox may hold a little more than the function's memory for its own parts, and cached files fill it to the
  // brim. Of a fork it is what it would have been by itself, at most: pages of its template that it has changed count
  // twice.
  call.outcome.max_memory.count =
      std::min(peak_memory_ == 0 ? 0 : peak_memory_ + shared_memory_, plan_.version->config.memory.count);
  owner_.instance_finished(*this, call);
}

io::Task<void> Instance::sample_memory() {
  sampling_ = true;
  auto usage = co_await sandboxes_.usage(sandbox_);
  sampling_ = false;
  memory_sampled_ = loop_.now();
  if (!usage) co_return;
  peak_memory_ = std::max(peak_memory_, usage->peak_memory_bytes);
  memory_.count = usage->memory_bytes;
}

io::Task<void> Instance::finish_with_memory(Call& call) {
  co_await sample_memory();
  if (exit_) peak_memory_ = std::max(peak_memory_, exit_->peak_memory_bytes);
  finish(call);
}

std::string Instance::exit_payload(const Call* call) const {
  std::string prefix = call == nullptr ? "" : "RequestId: " + call->invocation.id.text() + " ";
  if (ran_out_of_memory(*exit_)) {
    return error_payload("Runtime.OutOfMemory",
                         prefix + "Error: Runtime exited with error: signal: killed (out of memory: the limit is " +
                             std::to_string(plan_.version->config.memory.count >> 20) + " MB)");
  }
  switch (exit_->reason) {
    case sandbox::EndReason::OutOfMemory:
    case sandbox::EndReason::Signalled:
      return error_payload("Runtime.ExitError",
                           prefix + "Error: Runtime exited with error: signal: " + signal_name(exit_->status));
    case sandbox::EndReason::Killed:
      return error_payload("Runtime.ExitError", prefix + "Error: Runtime exited with error: signal: killed");
    case sandbox::EndReason::Exited:
      break;
  }
  if (exit_->status == 0) {
    return error_payload("Runtime.ExitError", prefix + "Error: Runtime exited without providing a reason");
  }
  return error_payload("Runtime.ExitError",
                       fmt::format("{}Error: Runtime exited with error: exit status {}", prefix, exit_->status));
}

void Instance::process_ended(const sandbox::Ended& ended) {
  peak_memory_ = std::max(peak_memory_, ended.peak_memory_bytes);
  drain_output();
  bool out_of_memory = ran_out_of_memory(ended);
  if (!was_ready_) {
    fail_init(out_of_memory ? model::Fault::OutOfMemory : model::Fault::InitFailed, exit_payload(nullptr));
    return;
  }
  bool runs_several = in_flight_.limit() > 1;
  // What one that runs a call at a time left behind its last answer, it had not begun.
  if (said_last_ && !runs_several) return;
  is_uncertain_ = in_flight_.size() > 1 && !runs_several;
  if (is_uncertain_) return;
  while (!in_flight_.empty()) {
    answer(in_flight_.oldest_number(), out_of_memory ? model::Fault::OutOfMemory : model::Fault::Exited,
           exit_payload(in_flight_.oldest()));
  }
}

}  // namespace virga::runtime
