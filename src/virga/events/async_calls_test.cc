#include "virga/events/async_calls.h"

#include <gmock/gmock.h>

#include "virga/events/testing/async_world.h"

namespace virga::events {
namespace {

using dispatch::testing::FakeInvoker;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AsyncCallsTest : public testing::AsyncWorld {};

TEST_F(AsyncCallsTest, WhatTheDiskRefusesIsNotAcknowledged) {
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "the disk is full"));
  auto refused = accept(make_call());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "the disk is full");
  EXPECT_THAT(invoker.invocations, SizeIs(0));
  tests.store.fail_commits(std::nullopt);
  restart();
  EXPECT_THAT(invoker.invocations, SizeIs(0));
}

TEST_F(AsyncCallsTest, TakesNoMoreThanItMay) {
  stop();
  options.most_waiting = 0;
  start();
  auto refused = accept(make_call());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::ResourceExhausted);
}

TEST_F(AsyncCallsTest, RunsACallOnceAndKeepsWhatItAnswered) {
  auto id = accept("hello", "[7]");
  ASSERT_THAT(invoker.invocations, SizeIs(1));
  EXPECT_EQ(invoker.invocations[0].id, id);
  EXPECT_EQ(invoker.invocations[0].payload, "[7]");
  EXPECT_EQ(invoker.invocations[0].kind, model::InvocationKind::Event);
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_EQ(found.result, "[7]");
  ASSERT_THAT(found.attempts, SizeIs(1));
  EXPECT_EQ(found.attempts[0].log, "START\nEND\n");
  restart();
  turn(hours(1));
  EXPECT_THAT(invoker.invocations, SizeIs(1)) << "a success that was recorded is never run again";
  EXPECT_EQ(history(id).state, CallState::Succeeded);
}

TEST_F(AsyncCallsTest, TriesAFailureTwiceMoreAfterOneAndTwoMinutes) {
  invoker.outcomes = {FakeInvoker::failure(), FakeInvoker::failure(), FakeInvoker::failure()};
  auto id = accept();
  EXPECT_EQ(history(id).state, CallState::Waiting);
  turn(seconds(59));
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  turn(seconds(2));
  EXPECT_THAT(invoker.invocations, SizeIs(2));
  turn(seconds(118));
  EXPECT_THAT(invoker.invocations, SizeIs(2));
  turn(seconds(3));
  EXPECT_THAT(invoker.invocations, SizeIs(3));
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Failed);
  EXPECT_EQ(found.condition, Condition::RetriesExhausted);
  EXPECT_EQ(found.reason, "it failed 3 times");
  EXPECT_THAT(found.attempts, SizeIs(3));
  EXPECT_EQ(found.attempts[2].error, R"({"errorType":"Error","errorMessage":"no"})");
  turn(hours(6));
  EXPECT_THAT(invoker.invocations, SizeIs(3));
}

TEST_F(AsyncCallsTest, FollowsTheFunctionsOwnRules) {
  ASSERT_TRUE(tests.catalog->tag_function(model::FunctionName("hello"), {{std::string(kRetryDelaysTag), "20,40"}}));
  InvokeConfig config;
  config.retries = 1;
  configure("hello", config);
  invoker.outcomes = {FakeInvoker::failure(), FakeInvoker::failure()};
  auto id = accept();
  turn(milliseconds(50));
  EXPECT_EQ(history(id).condition, Condition::RetriesExhausted);
  EXPECT_THAT(invoker.invocations, SizeIs(2));
}

TEST_F(AsyncCallsTest, ACallCanBringItsOwnRetries) {
  invoker.outcomes = {FakeInvoker::failure()};
  auto call = make_call();
  call.retries = 0;
  auto id = accept(std::move(call));
  EXPECT_EQ(history(*id).state, CallState::Failed);
}

TEST_F(AsyncCallsTest, ARefusalIsNoAttempt) {
  for (int i = 0; i < 4; ++i) invoker.outcomes.push_back(FakeInvoker::refusal());
  auto id = accept();
  EXPECT_THAT(history(id).attempts, SizeIs(0));
  for (int rest : {1, 2, 4, 8}) turn(seconds(rest) + milliseconds(20));
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_THAT(found.attempts, SizeIs(1));
  EXPECT_THAT(registry->expose(), HasSubstr("virga_async_refusals_total 4"));
}

TEST_F(AsyncCallsTest, GivesUpWhatCouldNotRunInTime) {
  InvokeConfig config;
  config.max_age = seconds(60);
  configure("hello", config);
  for (int i = 0; i < 100; ++i) invoker.outcomes.push_back(FakeInvoker::refusal());
  auto id = accept();
  for (int i = 0; i < 130; ++i) turn(seconds(1));
  auto found = history(id);
  EXPECT_EQ(found.condition, Condition::EventAgeExceeded);
  EXPECT_THAT(found.reason, HasSubstr("within the 60 s"));
  EXPECT_THAT(found.attempts, SizeIs(0));
}

TEST_F(AsyncCallsTest, ACallOfAFunctionThatIsGoneFails) {
  invoker.outcomes = {FakeInvoker::failure()};
  auto id = accept();
  ASSERT_TRUE(tests.catalog->delete_function(model::FunctionName("hello")));
  turn(seconds(61));
  EXPECT_EQ(history(id).condition, Condition::FunctionGone);
  EXPECT_THAT(invoker.invocations, SizeIs(1));
}

// ---- after a crash ----

TEST_F(AsyncCallsTest, WhatWaitedAtAnEndGoesOnAtTheNextStart) {
  invoker.outcomes = {FakeInvoker::failure()};
  auto retried = accept("hello", "1");
  invoker.outcomes = {FakeInvoker::refusal()};
  auto refused = accept("other", "2");
  restart();
  ASSERT_THAT(invoker.invocations, SizeIs(3)) << "the refused one runs, the failed one waits for its time";
  EXPECT_EQ(history(refused).state, CallState::Succeeded);
  EXPECT_EQ(history(retried).state, CallState::Waiting);
  turn(seconds(61));
  auto found = history(retried);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_THAT(found.attempts, SizeIs(2));
}

TEST_F(AsyncCallsTest, ACallThatIsCutOffByAStopRunsAgainWithoutCounting) {
  io::Event over(*loop);
  invoker.on_invoke = [&]() -> io::Task<void> {
    auto waited = co_await over.wait();
    (void)waited;
  };
  auto id = accept();
  EXPECT_EQ(history(id).state, CallState::Running);
  invoker.outcomes = {FakeInvoker::failure()};
  calls->close();
  over.set();
  settle();
  restart();
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_THAT(found.attempts, SizeIs(1));
}

TEST_F(AsyncCallsTest, AResultThatTheDiskRefusesIsWrittenLaterAndNotRunAgain) {
  invoker.on_invoke = [&]() -> io::Task<void> {
    tests.store.fail_commits(Error(ErrorCode::Unavailable, "the disk is away"));
    co_return;
  };
  auto id = accept();
  EXPECT_EQ(history(id).state, CallState::Running);
  tests.store.fail_commits(std::nullopt);
  turn(seconds(2));
  EXPECT_EQ(history(id).state, CallState::Succeeded);
  EXPECT_THAT(invoker.invocations, SizeIs(1));
}

TEST_F(AsyncCallsTest, ManyOfBeforeAllGoOn) {
  for (int i = 0; i < 5000; ++i) invoker.outcomes.push_back(FakeInvoker::refusal());
  for (int i = 0; i < 2500; ++i) accept(i % 2 == 0 ? "hello" : "other", std::to_string(i));
  invoker.outcomes.clear();
  invoker.invocations.clear();
  restart();
  // Some begin in each round of the loop.
  for (int rounds = 0; rounds < 100 && invoker.invocations.size() < 2500; ++rounds) settle();
  EXPECT_EQ(invoker.invocations.size(), 2500u);
  std::set<std::string> payloads;
  for (const auto& invocation : invoker.invocations) payloads.insert(invocation.payload);
  EXPECT_EQ(payloads.size(), 2500u);
}

TEST_F(AsyncCallsTest, BesideACallThatIsWaitedForTheyBeginAtAPace) {
  for (int i = 0; i < 400; ++i) invoker.outcomes.push_back(FakeInvoker::refusal());
  for (int i = 0; i < 200; ++i) accept();
  invoker.outcomes.clear();
  invoker.invocations.clear();
  auto keep_waiting = [&] { invoker.waited_for = tests.clock.steady(); };
  keep_waiting();
  restart();
  for (int rounds = 0; rounds < 20; ++rounds) settle();
  EXPECT_EQ(invoker.invocations.size(), 10u) << "a few at once";
  for (int step = 0; step < 5; ++step) {
    keep_waiting();
    turn(std::chrono::milliseconds(10));
    for (int rounds = 0; rounds < 20; ++rounds) settle();
  }
  EXPECT_GE(invoker.invocations.size(), 10u + 40u);
  EXPECT_LE(invoker.invocations.size(), 10u + 50u);
  keep_waiting();
  auto before = invoker.invocations.size();
  accept();
  EXPECT_EQ(invoker.invocations.size(), before + 1) << "as many as come";
  turn(std::chrono::seconds(1));
  for (int rounds = 0; rounds < 20; ++rounds) settle();
  EXPECT_EQ(invoker.invocations.size(), 201u) << "nobody waits any more";
}

TEST_F(AsyncCallsTest, ThoseThatWereRefusedGoOnWhenTheirFunctionChanges) {
  invoker.outcomes.push_back(FakeInvoker::refusal());
  accept();
  invoker.outcomes.push_back(FakeInvoker::refusal());
  accept("other");
  ASSERT_EQ(invoker.invocations.size(), 2u);
  configure("hello", {});
  settle();
  EXPECT_THAT(invoker.functions, ElementsAre("hello", "other", "hello"));
}

// ---- asking ----

TEST_F(AsyncCallsTest, KnowsNothingOfWhatItNeverAccepted) {
  for (const auto* id : {"", "x", "018bcfe5-687b-7000-8000-0000000000ff"}) {
    auto found = status(model::RequestId(id));
    ASSERT_FALSE(found) << id;
    EXPECT_EQ(found.error().code(), ErrorCode::NotFound);
  }
}

TEST_F(AsyncCallsTest, WhoWaitsForTheEndIsToldOfIt) {
  io::Event over(*loop);
  invoker.on_invoke = [&]() -> io::Task<void> {
    auto waited = co_await over.wait();
    (void)waited;
  };
  auto id = accept();
  std::optional<Result<AsyncCalls::Status>> found;
  io::TaskGroup waiting(*loop);
  waiting.add(keep(calls->status(id, io::Deadline::in(*loop, minutes(1))), found));
  settle();
  EXPECT_FALSE(found);
  over.set();
  settle();
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->history.state, CallState::Succeeded);
}

TEST_F(AsyncCallsTest, WhoWaitsTooLongGetsWhatIsKnown) {
  invoker.outcomes = {FakeInvoker::failure()};
  auto id = accept();
  std::optional<Result<AsyncCalls::Status>> found;
  io::TaskGroup waiting(*loop);
  waiting.add(keep(calls->status(id, io::Deadline::in(*loop, seconds(5))), found));
  turn(seconds(6));
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->history.state, CallState::Waiting);
}

TEST_F(AsyncCallsTest, ForgetsAfterADayOrTwoWeeks) {
  auto good = accept();
  auto call = make_call();
  call.retries = 0;
  invoker.outcomes = {FakeInvoker::failure()};
  auto bad = accept(std::move(call)).value();
  turn(hours(25));
  turn(minutes(2));
  EXPECT_FALSE(status(good));
  EXPECT_TRUE(status(bad));
  turn(hours(14 * 24));
  turn(minutes(2));
  EXPECT_FALSE(status(bad));
  EXPECT_THAT(tests.store.scan({"events/", "", 100, store::Order::Ascending}).value(), SizeIs(0)) << "nothing is left";
}

// ---- idempotency ----

TEST_F(AsyncCallsTest, ARepeatOfAnIdempotencyKeyGetsTheFirstCall) {
  auto first = make_call("hello", "1");
  first.idempotency_key = "k";
  auto id = accept(first);
  auto second = make_call("hello", "2");
  second.idempotency_key = "k";
  EXPECT_EQ(accept(second), id);
  restart();
  EXPECT_EQ(accept(second), id);
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  auto elsewhere = make_call("other", "3");
  elsewhere.idempotency_key = "k";
  EXPECT_NE(accept(elsewhere), id) << "keys are a function's own";
  turn(hours(25));
  turn(minutes(2));
  EXPECT_NE(accept(second), id) << "and forgotten with their call";
}

// ---- redrive ----

TEST_F(AsyncCallsTest, OnlyWhatHasFailedIsTriedAgain) {
  auto id = accept();
  auto refused = redrive(id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
  EXPECT_FALSE(redrive(model::RequestId("018bcfe5-687b-7000-8000-0000000000ff")));
}

TEST_F(AsyncCallsTest, ARedrivenCallHasAllItsRetriesAgain) {
  for (int i = 0; i < 5; ++i) invoker.outcomes.push_back(FakeInvoker::failure());
  auto id = accept();
  turn(seconds(61));
  turn(seconds(121));
  ASSERT_EQ(history(id).state, CallState::Failed);
  turn(hours(7));
  EXPECT_TRUE(redrive(id)) << "its age counts from now on";
  EXPECT_EQ(history(id).state, CallState::Waiting);
  restart();
  turn(seconds(61));
  turn(seconds(121));
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_THAT(found.attempts, SizeIs(6));
}

TEST_F(AsyncCallsTest, ListsTheFailedCallsOfAFunction) {
  std::vector<model::RequestId> ids;
  for (int i = 0; i < 3; ++i) {
    auto call = make_call();
    call.retries = 0;
    invoker.outcomes = {FakeInvoker::failure()};
    ids.push_back(accept(std::move(call)).value());
    turn(milliseconds(2));
  }
  accept();
  std::optional<Result<std::vector<model::RequestId>>> failed;
  io::run_until_done(*loop, keep(calls->failed(model::FunctionName("hello"), "", 2), failed));
  EXPECT_THAT(failed->value(), ElementsAre(ids[0], ids[1]));
  io::run_until_done(*loop, keep(calls->failed(model::FunctionName("hello"), ids[1].text(), 2), failed));
  EXPECT_THAT(failed->value(), ElementsAre(ids[2]));
}

// ---- destinations ----

TEST_F(AsyncCallsTest, SendsRecordsToDestinations) {
  InvokeConfig config;
  config.retries = 0;
  config.on_success = config.on_failure = "arn:aws:lambda:us-east-1:000000000000:function:other";
  configure("hello", config);
  auto good = accept("hello", "[1]");
  invoker.outcomes = {FakeInvoker::failure()};
  auto bad = accept("hello", "no json");
  ASSERT_THAT(invoker.functions, ElementsAre("hello", "other", "hello", "other"));
  EXPECT_THAT(
      invoker.invocations[1].payload,
      AllOf(
          HasSubstr(R"({"version":"1.0","timestamp":"2023-11-14T22:13:20.000Z","requestContext":{"requestId":")" +
                    good.text() + R"(","functionArn":"arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST",)"),
          HasSubstr(R"("condition":"Success","approximateInvokeCount":1},"requestPayload":[1],)"
                    R"("responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":[1]})")));
  EXPECT_THAT(
      invoker.invocations[3].payload,
      HasSubstr(R"("condition":"RetriesExhausted","approximateInvokeCount":1},"requestPayload":"no json",)"
                R"("responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},)"
                R"("responsePayload":{"errorType":"Error","errorMessage":"no"}})"));
  EXPECT_EQ(history(bad).handed_to, "arn:aws:lambda:us-east-1:000000000000:function:other\n");
}

TEST_F(AsyncCallsTest, ADestinationThatIsGoneIsSaidAndCounted) {
  InvokeConfig config;
  config.on_success = "arn:aws:lambda:us-east-1:000000000000:function:nowhere";
  configure("hello", config);
  auto id = accept();
  auto found = history(id);
  EXPECT_EQ(found.state, CallState::Succeeded);
  EXPECT_THAT(found.reason, HasSubstr("could not be sent to arn:aws:lambda:us-east-1:000000000000:function:nowhere"));
  EXPECT_THAT(registry->expose(), HasSubstr("virga_async_undeliverable_total 1"));
}

}  // namespace
}  // namespace virga::events
