#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/dispatch/instance_maker.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"

namespace virga::dispatch::testing {

// An instance without a process: the test says what it does.
class FakeInstance final : public runtime::AnyInstance {
 public:
  FakeInstance(io::Loop& loop, runtime::InstanceOwner& owner, std::vector<FakeInstance*>& living)
      : loop_(loop), owner_(owner), living_(living), over_(loop) {
    living_.push_back(this);
  }
  ~FakeInstance() override { std::erase(living_, this); }
  FakeInstance(const FakeInstance&) = delete;
  FakeInstance& operator=(const FakeInstance&) = delete;

  // ---- what the test makes it do ----
  void become_ready(std::chrono::microseconds start = std::chrono::milliseconds(100)) {
    phases_.start = start;
    end_.was_ready = true;
    state_ = State::Ready;
    owner_.instance_ready(*this);
  }
  void fail_to_load(std::string payload) {
    model::Outcome failure;
    failure.fault = model::Fault::InitFailed;
    failure.payload = std::move(payload);
    failure.phases.start = std::chrono::milliseconds(7);
    end_.failure = std::move(failure);
    finish_life();
  }
  void fail_to_start(Error error) {
    end_.refusal = std::move(error);
    finish_life();
  }
  // The call that runs is done.
  void answer(std::chrono::microseconds run_time = std::chrono::milliseconds(50),
              model::Fault fault = model::Fault::None) {
    auto* call = calls.front();
    calls.pop_front();
    call->outcome.fault = fault;
    call->outcome.payload = fault == model::Fault::None ? call->invocation.payload : "{}";
    call->outcome.phases.run = run_time;
    call->outcome.max_memory = peak_memory;
    if (std::exchange(is_fresh_, false)) call->outcome.phases.start = phases_.start;
    head_since_ = loop_.clock().steady();
    owner_.instance_finished(*this, *call);
  }
  // It takes no more calls and has not ended yet, as after an answer that was its last.
  void begin_to_end() { state_ = State::Ending; }
  // Ends as it said it would: what lies in its socket was not begun.
  void leave() {
    end_.unstarted.assign(calls.begin(), calls.end());
    calls.clear();
    finish_life();
  }
  // Dies: the only call it has fails; of several ones it is not known which were begun.
  void die() {
    state_ = State::Ending;
    if (calls.size() == 1) answer(std::chrono::milliseconds(1), model::Fault::Exited);
    end_.is_uncertain = !calls.empty();
    leave();
  }
  void log(std::string lines) { owner_.instance_logged(*this, std::move(lines)); }

  std::deque<runtime::Call*> calls;  // given and not answered; the first one runs
  bool takes_several = true;
  bool is_killed = false;
  bool can_freeze = true;
  bool is_frozen = false;
  std::size_t at_once = 1;
  model::Bytes peak_memory;
  model::Bytes resident;  // memory now

  // ---- AnyInstance ----
  io::Task<End> run() override {
    auto over = co_await over_.wait();
    (void)over;
    if (is_killed) die();
    co_return std::move(end_);
  }
  bool freeze() override {
    is_frozen = can_freeze;
    return is_frozen;
  }
  void give(runtime::Call& call) override {
    is_frozen = false;
    if (calls.empty()) head_since_ = loop_.clock().steady();
    calls.push_back(&call);
  }
  void kill() override {
    is_killed = true;
    finish_life();
  }
  State state() const override { return state_; }
  bool can_prefetch() const override { return takes_several && at_once == 1; }
  std::size_t concurrency() const override { return at_once; }
  SteadyTime::duration head_age(SteadyTime now) const override {
    return calls.empty() ? SteadyTime::duration::zero() : now - head_since_;
  }
  model::Phases start_phases() const override { return phases_; }
  model::Bytes memory() const override { return resident; }

 private:
  void finish_life() {
    state_ = State::Ending;
    over_.set();
  }

  io::Loop& loop_;
  runtime::InstanceOwner& owner_;
  std::vector<FakeInstance*>& living_;
  io::Event over_;
  State state_ = State::Starting;
  End end_;
  model::Phases phases_;
  bool is_fresh_ = true;
  SteadyTime head_since_;
};

// Makes fakes and remembers those that live, oldest first.
class FakeInstances final : public InstanceMaker {
 public:
  explicit FakeInstances(io::Loop& loop) : loop_(loop) {}

  Result<> can_make(const model::Version&) const override {
    if (missing) return fail(*missing);
    return {};
  }
  std::unique_ptr<runtime::AnyInstance> make(const catalog::VersionPointer& version,
                                             runtime::InstanceOwner& owner) override {
    made.push_back(version->revision.text());
    auto instance = std::make_unique<FakeInstance>(loop_, owner, living);
    instance->at_once = at_once;
    return instance;
  }
  std::optional<std::chrono::microseconds> fork_time(const model::Version&) const override { return forked; }
  void retire(const model::Version& version) override { retired.push_back(version.revision.text()); }
  FakeInstance& newest() { return *living.back(); }

  std::vector<FakeInstance*> living;
  std::vector<std::string> made;                    // the revisions, in order
  std::vector<std::string> retired;                 // likewise
  std::optional<Error> missing;                     // why none can be made
  std::optional<std::chrono::microseconds> forked;  // what the next start takes, as a fork
  std::size_t at_once = 1;                          // calls that those made from now on run at a time

 private:
  io::Loop& loop_;
};

// Runs what is due on the loop and what follows from it.
inline void settle(io::Loop& loop) {
  for (int i = 0; i < 10; ++i) {
    loop.stop();
    loop.run();
  }
}

}  // namespace virga::dispatch::testing
