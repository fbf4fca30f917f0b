#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/testing/simulation.h"
#include "virga/dispatch/instance_maker.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"

namespace virga::dispatch::testing {

// How the instances of a function behave now. "One in N": 0 is never.
struct Mood {
  std::chrono::microseconds start_least{};
  std::chrono::microseconds start_most{};
  std::uint64_t start_failures = 0;  // one start in so many
  bool is_forked = false;            // starts are forks, and the maker says what one takes
  std::chrono::microseconds run_least{};
  std::chrono::microseconds run_most{};
  std::uint64_t faults = 0;        // one call in so many answers with an error
  std::uint64_t crashes = 0;       // or ends the process
  std::uint64_t hangs = 0;         // or runs until its timeout
  std::uint64_t last_answers = 0;  // or is the last one its instance takes
  std::uint64_t idle_deaths = 0;   // one idle time in so many ends with the death of the process
  model::Bytes memory = model::mebibytes(64);
  std::size_t concurrency = 1;
  bool prefetches = false;
};

// Hears what instances do, in order.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void given(const runtime::Call& call) = 0;     // to an instance
  virtual void answered(const runtime::Call& call) = 0;  // an outcome is there
  virtual void unstarted(const runtime::Call& call) = 0;
  virtual void tell(std::string line) = 0;
};

// An instance whose process does as chance and its mood have it, in simulated time, and that fails the test when it is
// used in a way AnyInstance forbids. Its owner wakes it when its next moment has come.
class SimulatedInstance final : public runtime::AnyInstance {
 public:
  struct Parts {
    io::Loop& loop;
    simulation::Chance& chance;
    Witness& witness;
    std::vector<SimulatedInstance*>& living;
    std::chrono::milliseconds freeze_after;
  };

  SimulatedInstance(Parts parts, std::string name, Mood mood, runtime::InstanceOwner& owner)
      : parts_(parts), name_(std::move(name)), mood_(mood), owner_(owner), over_(parts.loop) {
    parts_.living.push_back(this);
    auto spread = mood_.memory.count / 8;
    size_ = {mood_.memory.count + parts_.chance.below(spread + 1)};
    begun_ = now();
    moment_ = begun_ + parts_.chance.between(mood_.start_least, mood_.start_most);
    parts_.witness.tell(name_ + " starts");
  }
  ~SimulatedInstance() override { std::erase(parts_.living, this); }
  SimulatedInstance(const SimulatedInstance&) = delete;
  SimulatedInstance& operator=(const SimulatedInstance&) = delete;

  // When it does something by itself. Never: SteadyTime::max().
  SteadyTime moment() const {
    auto first = moment_;
    for (const auto& one : calls_) first = std::min(first, one.due);
    return first;
  }
  // Inside the loop, when its moment has come.
  void wake() {
    if (state_ == State::Starting) return started();
    if (moment_ <= now()) return is_killed_ || calls_.empty() ? die() : void();
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if (calls_[i].due <= now()) return end_call(i);
    }
  }

  bool is_frozen() const { return is_frozen_; }
  bool is_killed() const { return is_killed_; }
  model::Bytes reported() const { return reported_; }
  const std::string& name() const { return name_; }

  // ---- AnyInstance ----
  io::Task<End> run() override {
    auto over = co_await over_.wait();
    (void)over;
    co_return std::move(end_);
  }
  void give(runtime::Call& call) override {
    EXPECT_EQ(state_, State::Ready) << name_ << ": a call for an instance that takes none";
    EXPECT_FALSE(is_killed_);
    EXPECT_LT(calls_.size(), most_calls()) << name_ << " gets more calls than it runs";
    is_frozen_ = false;
    parts_.witness.given(call);
    moment_ = SteadyTime::max();
    calls_.push_back({&call, SteadyTime::max(), Fate::Answer});
    if (calls_.size() == 1 || mood_.concurrency > 1) begin(calls_.back());
  }
  bool freeze() override {
    EXPECT_EQ(state_, State::Ready) << name_;
    EXPECT_TRUE(calls_.empty()) << name_ << " is frozen while it runs a call";
    EXPECT_GE(now() - idle_since_, parts_.freeze_after) << name_ << " is frozen too early";
    EXPECT_FALSE(is_frozen_) << name_ << " is frozen twice";
    is_frozen_ = !parts_.chance.one_in(20);
    return is_frozen_;
  }
  void kill() override {
    if (is_killed_) return;
    is_killed_ = true;
    is_frozen_ = false;
    state_ = State::Ending;
    auto most = std::chrono::microseconds(parts_.chance.one_in(50) ? 2'000'000 : 20'000);
    moment_ = now() + parts_.chance.between(std::chrono::microseconds(500), most);
    for (auto& one : calls_) one.due = SteadyTime::max();
    parts_.witness.tell(name_ + " is ended");
  }
  State state() const override { return state_; }
  bool can_prefetch() const override { return mood_.prefetches && mood_.concurrency == 1; }
  std::size_t concurrency() const override { return mood_.concurrency; }
  SteadyTime::duration head_age(SteadyTime time) const override {
    return calls_.empty() ? SteadyTime::duration::zero() : time - calls_.front().begun;
  }
  model::Phases start_phases() const override { return phases_; }
  model::Bytes memory() const override { return reported_; }

 private:
  enum class Fate { Answer, Fault, Crash, Hang, Last };
  struct Running {
    runtime::Call* call;
    SteadyTime due;  // max: it has not begun
    Fate fate;
    SteadyTime begun{};
  };

  SteadyTime now() const { return parts_.loop.clock().steady(); }
  std::size_t most_calls() const { return mood_.concurrency > 1 ? mood_.concurrency : can_prefetch() ? 33 : 1; }

  void started() {
    phases_.start = std::chrono::duration_cast<std::chrono::microseconds>(now() - begun_);
    moment_ = SteadyTime::max();
    if (is_killed_ || parts_.chance.one_in(mood_.start_failures)) {
      parts_.witness.tell(name_ + " does not start");
      if (parts_.chance.one_in(4)) {
        end_.refusal = Error(ErrorCode::Unavailable, "no sandbox");
      } else {
        end_.failure.emplace();
        end_.failure->fault = model::Fault::InitFailed;
        end_.failure->phases = phases_;
      }
      return finish_life();
    }
    state_ = State::Ready;
    end_.was_ready = true;
    parts_.witness.tell(name_ + " is ready");
    rest();
    owner_.instance_ready(*this);
  }

  void begin(Running& one) {
    auto& chance = parts_.chance;
    one.begun = now();
    one.call->started = one.begun;
    auto time = chance.between(mood_.run_least, mood_.run_most);
    if (chance.one_in(mood_.crashes)) {
      one.fate = Fate::Crash;
    } else if (chance.one_in(mood_.hangs) || time >= one.call->timeout) {
      one.fate = Fate::Hang;
      time = one.call->timeout;
    } else if (chance.one_in(mood_.faults)) {
      one.fate = Fate::Fault;
    } else if (mood_.concurrency == 1 && chance.one_in(mood_.last_answers)) {
      one.fate = Fate::Last;
    }
    one.due = one.begun + std::max(time, std::chrono::microseconds(1));
  }

  void end_call(std::size_t index) {
    auto fate = calls_[index].fate;
    if (fate == Fate::Crash) return die();
    if (fate == Fate::Hang && mood_.concurrency == 1) {
      state_ = State::Ending;
      if (calls_.size() > 1) return die();
      is_killed_ = true;
      moment_ = now() + std::chrono::milliseconds(5);
      return answer(index, model::Fault::TimedOut);
    }
    if (fate == Fate::Hang || fate == Fate::Last) state_ = State::Ending;
    bool is_last = fate == Fate::Last;
    answer(index, fate == Fate::Fault  ? model::Fault::Reported
                  : fate == Fate::Hang ? model::Fault::TimedOut
                                       : model::Fault::None);
    if (is_last || (state_ == State::Ending && calls_.empty() && !is_killed_)) leave();
  }

  void answer(std::size_t index, model::Fault fault) {
    auto one = calls_[index];
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
    auto& outcome = one.call->outcome;
    outcome.fault = fault;
    outcome.payload = name_ + ":" + one.call->invocation.payload;
    outcome.phases = {};
    outcome.phases.run = std::chrono::duration_cast<std::chrono::microseconds>(now() - one.begun);
    if (std::exchange(is_fresh_, false)) outcome.phases.start = phases_.start;
    reported_ = size_;
    if (mood_.concurrency == 1 && state_ == State::Ready && !calls_.empty()) begin(calls_.front());
    if (calls_.empty()) rest();
    parts_.witness.answered(*one.call);
    owner_.instance_finished(*this, *one.call);
  }

  void rest() {
    idle_since_ = now();
    if (state_ != State::Ready || !parts_.chance.one_in(mood_.idle_deaths)) return;
    moment_ = now() + std::chrono::milliseconds(parts_.chance.below(60'000));
  }

  // The process is gone. Of several calls in the socket of one that runs a call at a time nobody knows which had begun.
  void die() {
    parts_.witness.tell(name_ + " is gone");
    state_ = State::Ending;
    is_frozen_ = false;
    bool is_uncertain = mood_.concurrency == 1 && calls_.size() > 1;
    while (!is_uncertain && !calls_.empty()) answer(0, model::Fault::Exited);
    end_.is_uncertain = is_uncertain;
    leave();
  }
  void leave() {
    for (const auto& one : calls_) {
      parts_.witness.unstarted(*one.call);
      end_.unstarted.push_back(one.call);
    }
    calls_.clear();
    finish_life();
  }
  void finish_life() {
    state_ = State::Ending;
    is_killed_ = true;
    moment_ = SteadyTime::max();
    over_.set();
  }

  Parts parts_;
  std::string name_;
  Mood mood_;
  runtime::InstanceOwner& owner_;
  io::Event over_;
  State state_ = State::Starting;
  End end_;
  model::Phases phases_;
  std::deque<Running> calls_;
  SteadyTime begun_;
  SteadyTime moment_;  // of its start, of its death
  SteadyTime idle_since_;
  model::Bytes size_;
  model::Bytes reported_;
  bool is_fresh_ = true;
  bool is_frozen_ = false;
  bool is_killed_ = false;
};

// Makes them, by the moods of functions.
class SimulatedInstances final : public InstanceMaker {
 public:
  explicit SimulatedInstances(SimulatedInstance::Parts parts) : parts_(parts) {}

  Result<> can_make(const model::Version&) const override { return {}; }
  std::unique_ptr<runtime::AnyInstance> make(const catalog::VersionPointer& version,
                                             runtime::InstanceOwner& owner) override {
    if (on_make) on_make();
    const auto& name = version->function.text();
    return std::make_unique<SimulatedInstance>(parts_, name, moods[name], owner);
  }
  std::optional<std::chrono::microseconds> fork_time(const model::Version& version) const override {
    auto mood = moods.find(version.function.text());
    if (mood == moods.end() || !mood->second.is_forked) return std::nullopt;
    return mood->second.start_most;
  }
  void retire(const model::Version&) override {}

  std::map<std::string, Mood> moods;
  std::function<void()> on_make;

 private:
  SimulatedInstance::Parts parts_;
};

}  // namespace virga::dispatch::testing
