#include "virga/dispatch/dispatcher.h"

#include <gmock/gmock.h>

#include "virga/dispatch/testing/dispatcher_world.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using DispatcherTest = testing::DispatcherWorld;

// ---- refusals ----

TEST_F(DispatcherTest, RefusesExactlyAboveTheReservedConcurrencyAndCountsIt) {
  ASSERT_TRUE(catalog.catalog->reserve_concurrency(model::FunctionName("hello"), 2));
  call();
  call();
  auto& third = call();
  ASSERT_TRUE(third.is_there);
  ASSERT_FALSE(third.outcome);
  EXPECT_EQ(third.outcome.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_THAT(third.outcome.error().message(), StartsWith("ReservedFunctionConcurrentInvocationLimitExceeded"));
  EXPECT_THAT(registry->expose(), HasSubstr("virga_throttles_total{function=\"hello\"} 1"));
  answer_all();
  EXPECT_FALSE(call().is_there) << "the limit is free again";
  answer_all();
}

TEST_F(DispatcherTest, RefusesExactlyAboveTheAccountsConcurrency) {
  Options options;
  options.account_concurrency = 3;
  make(options);
  call("hello");
  call("hello");
  call("other");
  auto& fourth = call("other");
  ASSERT_TRUE(fourth.is_there);
  EXPECT_THAT(fourth.outcome.error().message(), StartsWith("ConcurrentInvocationLimitExceeded: 3 "));
  answer_all();
}

TEST_F(DispatcherTest, RefusesAVersionThatIsNotReady) {
  set_state("hello", model::FunctionState::Pending);
  auto& answer = call();
  ASSERT_TRUE(answer.is_there);
  EXPECT_EQ(answer.outcome.error().code(), ErrorCode::Conflict);
  EXPECT_THAT(answer.outcome.error().message(), HasSubstr("Pending"));
}

TEST_F(DispatcherTest, RefusesWhatNothingHereRunsAndSaysWhatIsMissing) {
  maker.missing = Error(ErrorCode::Unavailable, "Node is not installed: apt-get install nodejs");
  auto& answer = call();
  ASSERT_TRUE(answer.is_there);
  EXPECT_EQ(answer.outcome.error().message(), "Node is not installed: apt-get install nodejs");
  maker.missing.reset();
  EXPECT_FALSE(call().is_there) << "once it is installed, calls run";
  answer_all();
}

TEST_F(DispatcherTest, StoppingAnswersWhatWaitsAndRefusesWhatComes) {
  auto& waits = call();
  io::run_until_done(*loop, dispatcher->stop());
  settle();
  ASSERT_TRUE(waits.is_there);
  EXPECT_EQ(waits.outcome.error().message(), "Virga is stopping");
  auto& late = call();
  ASSERT_TRUE(late.is_there);
  EXPECT_EQ(late.outcome.error().code(), ErrorCode::Unavailable);
  dispatcher.reset();
}

// ---- calls ----

TEST_F(DispatcherTest, GivesTheOutcomeToWhoAsked) {
  auto& one = call(resolve("hello"), "1");
  auto& two = call(resolve("other"), "2");
  answer_all();
  EXPECT_EQ(one.outcome->payload, "1");
  EXPECT_EQ(two.outcome->payload, "2");
  EXPECT_EQ(maker.made.size(), 2u) << "functions share no instance";
  EXPECT_THAT(registry->expose(), AllOf(HasSubstr("virga_invocations_total{function=\"hello\"} 1"),
                                        HasSubstr("virga_cold_starts_total 2"), HasSubstr("virga_instances_idle 2")));
}

TEST_F(DispatcherTest, CountsWhatWentWrongByKind) {
  call();
  maker.newest().become_ready();
  maker.newest().answer(milliseconds(1), model::Fault::TimedOut);
  settle();
  EXPECT_THAT(registry->expose(), HasSubstr("virga_invocation_errors_total{function=\"hello\",kind=\"timeout\"} 1"));
}

// ---- changes of functions ----

TEST_F(DispatcherTest, AnUpdateMovesCallsToANewPoolAndFailsNone) {
  auto old_target = resolve("hello");
  call();
  maker.newest().become_ready();
  auto& runs = *answers.back();
  update("hello");
  EXPECT_FALSE(runs.is_there) << "what runs is let finish";
  auto& late = call(old_target);  // was looked up before the update
  auto& next = call();
  answer_all();
  for (auto* answer : {&runs, &late, &next}) {
    ASSERT_TRUE(answer->is_there);
    EXPECT_TRUE(answer->outcome);
  }
  turn(seconds(6));
  EXPECT_EQ(dispatcher->instances().idle, 2u) << "one of the old version stays for a rollback";
  EXPECT_EQ(maker.made.back(), resolve("hello").version->revision.text());
}

TEST_F(DispatcherTest, ACallOfAVersionThatIsGoneIsRunAndLeavesNoInstance) {
  auto old_target = resolve("hello");
  update("hello");
  update("hello");
  auto& late = call(old_target);
  answer_all();
  EXPECT_TRUE(late.outcome);
  settle();
  EXPECT_TRUE(maker.living.empty());
}

TEST_F(DispatcherTest, DeletingAFunctionEndsItsInstancesAndForgetsItsFigures) {
  call();
  answer_all();
  ASSERT_EQ(maker.living.size(), 1u);
  ASSERT_TRUE(catalog.catalog->delete_function(model::FunctionName("hello")));
  settle();
  EXPECT_TRUE(maker.living.empty());
  EXPECT_THAT(registry->expose(), Not(HasSubstr("function=\"hello\"")));
}

TEST_F(DispatcherTest, ADispatcherThatStoppedNoLongerHearsOfChanges) {
  stop();
  EXPECT_TRUE(catalog.catalog->delete_function(model::FunctionName("hello")));
  settle();
}

// ---- the machine is shared ----

TEST_F(DispatcherTest, AnIdleInstanceOfAnotherFunctionMakesRoomAtOnce) {
  Options options;
  options.max_instances = 1;
  make(options);
  call("hello");
  answer_all();
  call("other");
  EXPECT_EQ(dispatcher->instances().starting, 1u);
  answer_all();
  EXPECT_TRUE(answers.back()->outcome);
  EXPECT_EQ(maker.living.size(), 1u);
}

TEST_F(DispatcherTest, TheIdleInstanceWhoseLossCostsLeastMakesRoom) {
  Options options;
  options.memory_budget = model::mebibytes(300);
  make(options);
  // The older one is costlier to have again and smaller.
  call("hello");
  maker.newest().become_ready(seconds(2));
  maker.newest().resident = model::mebibytes(50);
  answer_all();
  call("other");
  maker.newest().become_ready(milliseconds(20));
  maker.newest().resident = model::mebibytes(230);
  answer_all();
  EXPECT_THAT(registry->expose(), AllOf(HasSubstr("virga_instance_memory_bytes 293601280"),
                                        HasSubstr("virga_instance_memory_idle_bytes 293601280"),
                                        HasSubstr("virga_instance_memory_budget_bytes 314572800")));
  (void)catalog.create("third");
  activate("third");
  call("third");
  settle();
  ASSERT_EQ(maker.living.size(), 2u);
  EXPECT_EQ(maker.living[0]->resident, model::mebibytes(50)) << "of hello";
  answer_all();
  EXPECT_THAT(registry->expose(), HasSubstr("virga_instance_evictions_total{reason=\"room\"} 1"));
}

TEST_F(DispatcherTest, IdleInstancesGoWhenOthersHaveGrownBeyondTheBudget) {
  Options options;
  options.memory_budget = model::mebibytes(300);
  make(options);
  call("hello");
  answer_all();
  call("other");
  maker.newest().become_ready();
  maker.newest().resident = model::mebibytes(299);
  answer_all();
  EXPECT_EQ(maker.living.size(), 2u);
  turn(seconds(6));
  EXPECT_EQ(maker.living.size(), 1u);
  EXPECT_THAT(registry->expose(), HasSubstr("virga_instance_evictions_total{reason=\"growth\"} 1"));
}

TEST_F(DispatcherTest, ABusyInstanceMakesNoRoom) {
  Options options;
  options.max_instances = 1;
  make(options);
  call("hello");
  maker.newest().become_ready();
  auto& other = call("other");
  for (int i = 0; i < 10; ++i) turn(milliseconds(20));
  ASSERT_EQ(maker.living.size(), 1u);
  EXPECT_FALSE(maker.newest().is_killed);
  EXPECT_FALSE(other.is_there);
  for (int i = 0; i < 20 && callers.size() > 0; ++i) {
    answer_all();
    turn(milliseconds(20));
  }
  EXPECT_TRUE(other.outcome);
}

TEST_F(DispatcherTest, EndsInstancesThatAreIdleForLong) {
  Options options;
  options.idle_time = minutes(10);
  make(options);
  call();
  answer_all();
  turn(minutes(9));
  EXPECT_EQ(dispatcher->instances().idle, 1u);
  turn(minutes(2));
  EXPECT_EQ(dispatcher->instances().idle, 0u);
}

}  // namespace
}  // namespace virga::dispatch
