#include "virga/dispatch/internal/breaker.h"

#include <gtest/gtest.h>

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ended = Breaker::Ended;
using State = Breaker::State;
using Verdict = Breaker::Verdict;

class BreakerTest : public ::testing::Test {
 protected:
  // One call that ends at once; whether it opened the breaker.
  bool call(Ended ended) {
    auto verdict = breaker.ask(now);
    if (verdict == Verdict::Refuse) return false;
    return breaker.record(verdict, ended, 0.5, now);
  }
  void open() {
    for (int i = 0; i < 20 && breaker.state() == State::Closed; ++i) call(Ended::Failed);
    ASSERT_EQ(breaker.state(), State::Open);
  }

  SteadyTime now{std::chrono::hours(1)};
  Breaker breaker;
};

TEST_F(BreakerTest, StaysClosedBelowTheThreshold) {
  for (int i = 0; i < 1000; ++i) {
    call(Ended::Well);
    if (i % 3 != 0) call(Ended::Failed);
    now += milliseconds(7);
  }
  EXPECT_EQ(breaker.state(), State::Closed);
}

TEST_F(BreakerTest, OpensWithinASecondOfTheShareOfFailuresPassingTheThreshold) {
  // 100 calls a second, all well, for a minute; then three of four fail.
  for (int i = 0; i < 6000; ++i, now += milliseconds(10)) call(Ended::Well);
  auto began = now;
  for (int i = 0; breaker.state() == State::Closed && i < 200; ++i, now += milliseconds(10)) {
    call(i % 4 == 0 ? Ended::Well : Ended::Failed);
  }
  EXPECT_EQ(breaker.state(), State::Open);
  EXPECT_LE(now - began, seconds(1));
  EXPECT_GE(breaker.failed() * 2, breaker.ended());
}

TEST_F(BreakerTest, AFewFailuresAreNotEnough) {
  for (std::uint32_t i = 0; i + 1 < Breaker::kMinimumCalls; ++i) call(Ended::Failed);
  EXPECT_EQ(breaker.state(), State::Closed);
  now += seconds(2);
  for (std::uint32_t i = 0; i + 1 < Breaker::kMinimumCalls; ++i) call(Ended::Failed);
  EXPECT_EQ(breaker.state(), State::Closed) << "what is older than a second does not count";
}

TEST_F(BreakerTest, RefusesWhileItIsOpenAndThenLetsOneAtATimeTry) {
  open();
  EXPECT_EQ(breaker.ask(now + milliseconds(999)), Verdict::Refuse);
  EXPECT_EQ(breaker.wait(now + milliseconds(400)), milliseconds(600));
  now += seconds(1);
  EXPECT_EQ(breaker.ask(now), Verdict::Trial);
  EXPECT_EQ(breaker.ask(now), Verdict::Refuse);
  EXPECT_FALSE(breaker.record(Verdict::Trial, Ended::Well, 0.5, now));
  EXPECT_EQ(breaker.ask(now), Verdict::Trial);
}

TEST_F(BreakerTest, ClosesAfterThreeTrialsThatWentWell) {
  open();
  now += seconds(1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(breaker.state(), State::Closed);
    call(Ended::Well);
  }
  EXPECT_EQ(breaker.state(), State::Closed);
  call(Ended::Failed);
  EXPECT_EQ(breaker.state(), State::Closed) << "old failures are forgotten";
}

TEST_F(BreakerTest, StaysOpenTwiceAsLongAfterATrialThatFailed) {
  open();
  now += seconds(1);
  EXPECT_TRUE(call(Ended::Failed));
  EXPECT_EQ(breaker.wait(now), seconds(2));
  for (int i = 0; i < 10; ++i) {
    now += breaker.wait(now);
    call(Ended::Failed);
  }
  EXPECT_EQ(breaker.wait(now), Breaker::kLongestPause);
}

TEST_F(BreakerTest, ATrialThatWasNotRunIsNone) {
  open();
  now += seconds(1);
  call(Ended::NotRun);
  EXPECT_EQ(breaker.state(), State::HalfOpen);
  EXPECT_EQ(breaker.ask(now), Verdict::Trial);
}

TEST_F(BreakerTest, CallsThatBeganBeforeItOpenedDoNotCloseIt) {
  auto early = breaker.ask(now);
  open();
  EXPECT_FALSE(breaker.record(early, Ended::Well, 0.5, now));
  EXPECT_EQ(breaker.state(), State::Open);
}

}  // namespace
}  // namespace virga::dispatch
