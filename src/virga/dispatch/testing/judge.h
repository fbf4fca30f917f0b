#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/testing/simulation.h"
#include "virga/dispatch/refusals.h"
#include "virga/dispatch/testing/simulated_instances.h"

namespace virga::dispatch::testing {

// What a function is held to by its settings.
struct Held {
  std::optional<std::uint32_t> reserved;
  double rate = 0;  // 0: none
  double burst = 0;
  bool has_breaker = false;
  std::string fallback;  // what is answered while the breaker is open; "": nothing
};

// Judges every call of a simulation: that it ends once, with the answer an instance gave to it or a refusal that is
// right, in time; that no more run than may. Fails the test otherwise. One loop.
class Judge final : public Witness {
 public:
  struct Limits {
    std::uint32_t account = 0;
    std::chrono::milliseconds queue_wait{};
  };
  // How late the queue may be looked at in simulated steps.
  static constexpr std::chrono::milliseconds kSlack{100};

  Judge(const Clock& clock, simulation::Journal& journal, Limits limits)
      : clock_(clock), journal_(journal), limits_(limits) {}

  // ---- Calls, from their beginning to their end.
  std::string begin(const std::string& function, model::InvocationKind kind) {
    auto id = function + "-" + std::to_string(++next_);
    calls_.emplace(id, Known{.function = function, .kind = kind, .arrived = now(), .stalls_before = stalls_});
    tell("call " + id);
    ++inside_;
    ++inside_of_[function];
    return id;
  }
  // False: it was refused.
  bool end(const std::string& id, const Result<model::Outcome>& outcome) {
    auto found = calls_.find(id);
    if (found == calls_.end()) {
      ADD_FAILURE() << id << " ends twice";
      return false;
    }
    auto known = std::move(found->second);
    calls_.erase(found);
    --inside_;
    --inside_of_[known.function];
    if (outcome) {
      tell("end " + id + " fault " + std::to_string(static_cast<int>(outcome->fault)));
      check_outcome(id, known, *outcome);
    } else {
      tell("end " + id + " " + outcome.error().message());
      check_refusal(id, known, outcome.error());
      ++refusals_[std::string(read_refusal(outcome.error()).reason)];
    }
    const auto& limits = held[known.function];
    auto reason = outcome ? std::string_view() : read_refusal(outcome.error()).reason;
    // A dispatcher that stops refuses before it looks at any rate.
    bool was_let_through = outcome || (!reason.empty() && reason != kFunctionRate);
    if (limits.rate > 0 && known.kind == model::InvocationKind::Waited && was_let_through) {
      passed_[known.function].push_back(known.arrived);
    }
    return outcome.has_value();
  }

  // ---- Witness
  void given(const runtime::Call& call) override {
    auto& known = calls_.at(call.invocation.id.text());
    EXPECT_LE(++running_, limits_.account);
    auto of_function = ++running_of_[known.function];
    if (auto reserved = held[known.function].reserved) EXPECT_LE(of_function, *reserved) << known.function;
    EXPECT_FALSE(known.is_answered) << call.invocation.id.text() << " runs again after its answer";
    if (known.was_sent_back) return;
    EXPECT_LE(now() - known.arrived, most_wait(known)) << call.invocation.id.text() << " waited too long";
  }
  void answered(const runtime::Call& call) override {
    auto& known = calls_.at(call.invocation.id.text());
    EXPECT_FALSE(known.is_answered) << call.invocation.id.text() << " is answered twice";
    known.is_answered = true;
    known.fault = call.outcome.fault;
    ++runs_[known.function];
    leave(known);
  }
  void unstarted(const runtime::Call& call) override {
    auto& known = calls_.at(call.invocation.id.text());
    known.was_sent_back = true;
    leave(known);
  }
  void tell(std::string line) override { journal_.add(now(), line); }

  // ---- What happens to the whole program.
  void stood_still(SteadyTime::duration time) { stalls_ += time; }
  void set_stopping(bool is_stopping) {
    is_stopping_ = is_stopping;
    if (!is_stopping) check_rates();  // what was counted is forgotten
  }

  // That those with a rate got no more than that; at the end, and whenever counting begins anew.
  void check_rates() {
    for (auto& [function, times] : passed_) {
      const auto& limits = held[function];
      std::ranges::sort(times);
      double tokens = limits.burst;
      SteadyTime last{};
      for (auto time : times) {
        tokens = std::min(limits.burst, tokens + std::chrono::duration<double>(time - last).count() * limits.rate) - 1;
        last = time;
        EXPECT_GE(tokens, -1e-6) << function << " is called more often than its rate";
      }
      times.clear();
    }
  }

  std::size_t inside() const { return inside_; }
  std::uint64_t refusals(std::string_view reason) { return refusals_[std::string(reason)]; }
  std::uint64_t runs(const std::string& function) { return runs_[function]; }  // that came to an end

  std::map<std::string, Held> held;

 private:
  struct Known {
    std::string function;
    model::InvocationKind kind{};
    SteadyTime arrived;
    SteadyTime::duration stalls_before{};
    bool is_answered = false;
    bool was_sent_back = false;  // its instance ended before it had run, as far as anybody knows
    model::Fault fault = model::Fault::None;
  };

  SteadyTime now() const { return clock_.steady(); }
  SteadyTime::duration most_wait(const Known& known) const {
    return limits_.queue_wait + kSlack + (stalls_ - known.stalls_before);
  }
  void leave(const Known& known) {
    --running_;
    --running_of_[known.function];
  }

  void check_outcome(const std::string& id, const Known& known, const model::Outcome& outcome) {
    if (known.is_answered) {
      EXPECT_EQ(outcome.fault, known.fault) << id;
      EXPECT_EQ(outcome.payload, known.function + ":" + id) << "the answer of another call";
    } else if (outcome.fault == model::Fault::None) {
      const auto& limits = held[known.function];
      EXPECT_TRUE(limits.has_breaker && !limits.fallback.empty()) << id << " ends well and nobody ran it";
      EXPECT_EQ(outcome.payload, limits.fallback) << id;
    } else {
      EXPECT_EQ(outcome.fault, model::Fault::InitFailed) << id << " fails and nobody ran it";
    }
  }

  void check_refusal(const std::string& id, const Known& known, const Error& error) {
    EXPECT_FALSE(known.is_answered) << id << " was answered, and is refused: " << error.message();
    const auto& limits = held[known.function];
    auto reason = read_refusal(error).reason;
    auto waited = now() - known.arrived;
    if (reason == kQueueTooLong) {
      EXPECT_EQ(error.code(), ErrorCode::Unavailable);
      if (!known.was_sent_back) EXPECT_LE(waited, most_wait(known)) << id;
      return;
    }
    if (reason.empty()) {
      EXPECT_EQ(error.code(), ErrorCode::Unavailable) << id << ": " << error.message();
      EXPECT_TRUE(is_stopping_ || error.message() == "no sandbox") << id << ": " << error.message();
      return;
    }
    // All others are decided on the spot.
    EXPECT_EQ(waited.count(), 0) << id << ": " << error.message();
    auto others = inside_;
    auto same = inside_of_[known.function];
    if (reason == kBreakerOpen) {
      EXPECT_TRUE(limits.has_breaker) << id;
    } else if (reason == kFunctionRate) {
      EXPECT_GT(limits.rate, 0) << id;
    } else if (reason == kReservedConcurrency) {
      ASSERT_TRUE(limits.reserved) << id;
      EXPECT_EQ(same, *limits.reserved) << id;
    } else if (reason == kAccountConcurrency) {
      EXPECT_GE(others * 10, std::size_t{limits_.account} * 9) << id << ": there is room: " << error.message();
      if (others < limits_.account && known.kind == model::InvocationKind::Waited) {
        EXPECT_FALSE(limits.reserved) << id << ": " << error.message();
        EXPECT_GE(same, limits_.account / held.size()) << id << " has less than its share: " << error.message();
      }
    } else {
      ADD_FAILURE() << id << " is refused for no reason that it has: " << error.message();
    }
  }

  const Clock& clock_;
  simulation::Journal& journal_;
  Limits limits_;
  std::map<std::string, Known> calls_;             // that have not ended
  std::map<std::string, std::uint64_t> refusals_;  // by reason
  std::map<std::string, std::uint64_t> runs_;
  std::map<std::string, std::vector<SteadyTime>> passed_;  // when calls came that a rate let through
  std::uint64_t next_ = 0;
  std::size_t inside_ = 0;  // calls that were begun and not ended: what is admitted, where none is being refused
  std::map<std::string, std::size_t> inside_of_;
  std::size_t running_ = 0;  // in instances
  std::map<std::string, std::size_t> running_of_;
  SteadyTime::duration stalls_{};
  bool is_stopping_ = false;
};

}  // namespace virga::dispatch::testing
