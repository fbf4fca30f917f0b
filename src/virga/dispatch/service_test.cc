#include <gmock/gmock.h>

#include "virga/dispatch/testing/dispatcher_world.h"

// What keeps a function serving, and what it is held to: deploys, rollbacks, limits, provisioned instances.
namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using testing::FakeInstance;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using ServiceTest = testing::DispatcherWorld;

// ---- deploys and rollbacks ----

TEST_F(ServiceTest, TheOldVersionServesUntilTheNewOneIsReady) {
  auto& before = call();
  answer_all();
  ASSERT_TRUE(before.outcome);
  auto& old_instance = maker.newest();
  update("hello");
  ASSERT_EQ(maker.living.size(), 2u) << "one of the new version starts at once";
  call();
  ASSERT_EQ(old_instance.calls.size(), 1u);
  bool is_taken_over = false;
  callers.add(wait_until_taken_over(is_taken_over));
  settle();
  EXPECT_FALSE(is_taken_over);
  auto& new_instance = maker.newest();
  new_instance.become_ready();
  settle();
  EXPECT_TRUE(is_taken_over);
  call();
  EXPECT_EQ(new_instance.calls.size(), 1u);
  answer_all();
}

TEST_F(ServiceTest, ANewVersionThatDoesNotStartServesNevertheless) {
  call();
  answer_all();
  update("hello");
  maker.newest().fail_to_load("{}");
  settle();
  call();
  EXPECT_EQ(maker.made.back(), resolve("hello").version->revision.text());
  answer_all();
}

TEST_F(ServiceTest, ARollbackIsServedByAnInstanceThatWasKept) {
  call();
  answer_all();
  auto& first_instance = maker.newest();
  update("hello");
  maker.newest().become_ready();
  settle();
  call();
  answer_all();
  auto made = maker.made.size();
  ASSERT_TRUE(catalog.catalog->roll_back(model::FunctionName("hello")));
  settle();
  call();
  EXPECT_EQ(first_instance.calls.size(), 1u) << "warm, and at once";
  answer_all();
  EXPECT_EQ(maker.made.size(), made);
}

// ---- aliases ----

class AliasTest : public ServiceTest {
 protected:
  // Two versions of "hello".
  void publish() {
    ASSERT_TRUE(catalog.catalog->publish_version(model::FunctionName("hello")));
    catalog::UpdateConfig update;
    update.change = [](model::FunctionConfig& config) {
      config.timeout += seconds(1);
      return Result<>();
    };
    ASSERT_TRUE(catalog.catalog->update_config(model::FunctionName("hello"), update));
    activate("hello");
    ASSERT_TRUE(catalog.catalog->publish_version(model::FunctionName("hello")));
    settle();
  }
  catalog::Resolved version(std::uint64_t number) {
    return catalog.catalog->resolve(model::FunctionName("hello"), std::to_string(number), 0).value();
  }
  void warm() { callers.add(wait_until_warm(version(2).version, version(1).version, is_warm)); }
  bool is_warm = false;
};

TEST_F(AliasTest, ShiftsWaitForAnInstanceOfTheOtherVersion) {
  publish();
  call(version(1));
  answer_all();
  warm();
  settle();
  EXPECT_FALSE(is_warm);
  ASSERT_EQ(maker.made.back(), version(2).version->revision.text());
  auto& started = maker.newest();
  started.become_ready();
  settle();
  EXPECT_TRUE(is_warm);
  call(version(2));
  EXPECT_EQ(started.calls.size(), 1u) << "what was warmed runs it";
  answer_all();
}

TEST_F(AliasTest, ShiftsDoNotWaitWhereNobodyCalls) {
  publish();
  warm();
  settle();
  EXPECT_TRUE(is_warm);
  EXPECT_TRUE(maker.living.empty());
}

TEST_F(AliasTest, ShiftsWaitForNothingThatFailsOrTakesTooLong) {
  publish();
  call(version(1));
  answer_all();
  warm();
  settle();
  maker.newest().fail_to_load("{}");
  settle();
  EXPECT_TRUE(is_warm);
  is_warm = false;
  warm();
  turn(seconds(9));
  EXPECT_FALSE(is_warm);
  turn(seconds(2));
  EXPECT_TRUE(is_warm);
  answer_all();
  maker.newest().become_ready();
  settle();
}

// ---- limits of a function ----

TEST_F(ServiceTest, HoldsAFunctionToTheRateOfItsTags) {
  tag("hello", {{"virga:rate", "2"}});
  call();
  call();
  auto& third = call();
  ASSERT_TRUE(third.is_there);
  EXPECT_THAT(third.outcome.error().message(), StartsWith("FunctionInvocationRateLimitExceeded: "));
  EXPECT_THAT(registry->expose(), HasSubstr("virga_throttles_total{function=\"hello\"} 1"));
  answer_all();
  turn(milliseconds(500));
  EXPECT_FALSE(call().is_there);
  answer_all();
}

TEST_F(ServiceTest, AnOpenBreakerAnswersWithTheFallback) {
  tag("hello", {{"virga:breaker", "50%"}});
  fail_calls("hello", 10);
  auto& refused = call();
  ASSERT_TRUE(refused.is_there);
  ASSERT_FALSE(refused.outcome);
  EXPECT_EQ(refused.outcome.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(refused.outcome.error().message(),
              AllOf(StartsWith("CircuitBreakerOpen: 'hello' failed in 10 of 10 calls"), HasSubstr("50%")));
  tag("hello", {{"virga:fallback", "{\"statusCode\":503}"}});
  auto& fixed = call();
  ASSERT_TRUE(fixed.is_there);
  EXPECT_EQ(fixed.outcome->payload, "{\"statusCode\":503}");
  tag("hello", {{"virga:fallback", "other"}});
  auto& other = call(resolve("hello"), "7");
  answer_all();
  ASSERT_TRUE(other.is_there);
  EXPECT_EQ(other.outcome->payload, "7");
  EXPECT_EQ(maker.made.back(), resolve("other").version->revision.text());
  EXPECT_THAT(registry->expose(), AllOf(HasSubstr("virga_breaker_opened_total{function=\"hello\"} 1"),
                                        HasSubstr("virga_breaker_refused_total{function=\"hello\"} 3"),
                                        HasSubstr("virga_breaker_fallbacks_total{function=\"hello\"} 2")));
  turn(seconds(1));
  call();
  answer_all();
  EXPECT_TRUE(answers.back()->outcome) << "a trial";
}

TEST_F(ServiceTest, EventInvocationsLeaveTheLastPlacesToCallsThatAreWaitedFor) {
  Options options;
  options.account_concurrency = 10;
  make(options);
  for (int i = 0; i < 9; ++i) call("other");
  auto& event = call(resolve("hello"), "{}", model::InvocationKind::Event);
  ASSERT_TRUE(event.is_there);
  EXPECT_EQ(event.outcome.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_FALSE(call("hello").is_there);
  EXPECT_THAT(registry->expose(), HasSubstr("virga_shed_total{reason=\"event\"} 1"));
  answer_all();
  EXPECT_FALSE(call(resolve("hello"), "{}", model::InvocationKind::Event).is_there) << "and run later";
  answer_all();
}

TEST_F(ServiceTest, WhatWouldWaitTooLongIsRefusedAtOnceWhenThereIsNoRoomForMore) {
  Options options;
  options.max_instances = 1;
  make(options);
  call();
  maker.newest().become_ready();
  maker.newest().answer(seconds(20));
  settle();
  call();
  auto& waits = call();
  for (int i = 0; i < 10; ++i) turn(milliseconds(20));
  auto& too_late = call();
  ASSERT_TRUE(too_late.is_there);
  EXPECT_EQ(too_late.outcome.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(too_late.outcome.error().message(),
              AllOf(StartsWith("QueueTooLong: 1 calls of 'hello' wait"), HasSubstr("allowed are 30000 ms"),
                    HasSubstr("--memory-budget"), HasSubstr("; try again in 10 s")));
  EXPECT_FALSE(waits.is_there);
  EXPECT_THAT(registry->expose(), HasSubstr("virga_shed_total{reason=\"wait\"} 1"));
  answer_all();
}

// ---- provisioned concurrency ----

TEST_F(ServiceTest, KeepsProvisionedInstancesReadyWhateverElseNeedsTheRoom) {
  Options options;
  options.max_instances = 3;
  make(options);
  provision("hello", 2);
  ASSERT_EQ(maker.living.size(), 2u) << "at once, without a call";
  auto version = catalog.catalog->function(model::FunctionName("hello")).value()->version(model::VersionNumber(1));
  EXPECT_EQ(dispatcher->provisioned(*version).allocated, 2u);
  EXPECT_EQ(dispatcher->provisioned(*version).available, 0u);
  for (auto* instance : maker.living) instance->become_ready();
  EXPECT_EQ(dispatcher->provisioned(*version).available, 2u);
  turn(milliseconds(10));
  call({catalog.catalog->function(model::FunctionName("hello")).value(), version, std::nullopt});
  answer_all();
  ASSERT_TRUE(answers.back()->outcome);
  EXPECT_FALSE(answers.back()->outcome->is_cold()) << "its start was waited for by nobody";
  call("other");
  answer_all();
  call("hello");
  answer_all();
  turn(minutes(61));
  EXPECT_EQ(dispatcher->provisioned(*version).available, 2u) << "neither evicted nor too old";

  maker.living[0]->leave();
  settle();
  EXPECT_EQ(dispatcher->provisioned(*version).allocated, 2u) << "one that ends is started again";
  for (auto* instance : std::vector<FakeInstance*>(maker.living)) {
    if (instance->state() == FakeInstance::State::Starting) instance->become_ready();
  }
  provision("hello", std::nullopt);
  turn(minutes(61));
  turn(seconds(6));
  EXPECT_TRUE(maker.living.empty());
}

TEST_F(ServiceTest, PreparesForACallThatIsKnownToCome) {
  dispatcher->prepare(resolve("hello"));
  dispatcher->prepare(resolve("hello"));
  ASSERT_EQ(maker.made.size(), 1u) << "one that starts is enough";
  maker.newest().become_ready();
  settle();
  dispatcher->prepare(resolve("hello"));
  EXPECT_EQ(maker.made.size(), 1u);
  turn(seconds(3));
  auto& answer = call("hello");
  maker.newest().answer();
  settle();
  ASSERT_TRUE(answer.is_there);
  EXPECT_FALSE(answer.outcome->is_cold()) << "it waited for no start";
  EXPECT_NE(registry->expose().find("virga_instances_prepared_total 1"), std::string::npos);
}

TEST_F(ServiceTest, PreparesNothingForWhichAnotherInstanceWouldHaveToGo) {
  Options options;
  options.max_instances = 1;
  make(options);
  call("other");
  auto& others = maker.newest();
  others.become_ready();
  others.answer();
  turn(std::chrono::minutes(9));
  dispatcher->prepare(resolve("hello"));
  settle();
  EXPECT_EQ(maker.made.size(), 1u);
  EXPECT_FALSE(others.is_killed);
  auto& answer = call("other");
  others.answer();
  settle();
  EXPECT_TRUE(answer.is_there);
}

TEST_F(ServiceTest, PreparesNothingWhereConcurrencyIsProvisionedOrForbidden) {
  provision("hello", 1);
  ASSERT_EQ(maker.made.size(), 1u);
  dispatcher->prepare(catalog.catalog->resolve(model::FunctionName("hello"), "1", 0).value());
  ASSERT_TRUE(catalog.catalog->reserve_concurrency(model::FunctionName("other"), 0));
  dispatcher->prepare(resolve("other"));
  settle();
  EXPECT_EQ(maker.made.size(), 1u);
}

TEST_F(ServiceTest, StartsWhatWasProvisionedBeforeItself) {
  provision("hello", 1);
  make({});
  settle();
  ASSERT_EQ(maker.living.size(), 1u);
}

TEST_F(ServiceTest, SaysWhyProvisionedInstancesDoNotStartAndTriesAgain) {
  provision("hello", 1);
  auto version = catalog.catalog->function(model::FunctionName("hello")).value()->version(model::VersionNumber(1));
  maker.newest().fail_to_load("broken");
  settle();
  EXPECT_EQ(dispatcher->provisioned(*version).failure, "broken");
  EXPECT_TRUE(maker.living.empty());
  turn(seconds(6));
  ASSERT_EQ(maker.living.size(), 1u);
  maker.newest().become_ready();
  EXPECT_EQ(dispatcher->provisioned(*version).failure, "");
  EXPECT_EQ(dispatcher->provisioned(*version).available, 1u);
}

}  // namespace
}  // namespace virga::dispatch
