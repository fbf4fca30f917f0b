#include "virga/dispatch/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/testing/fake_instances.h"

namespace virga::dispatch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeInstance;
using ::testing::HasSubstr;

class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    auto made = std::make_shared<model::Version>();
    made->function = model::FunctionName("hello");
    made->revision = model::RevisionId("r1");
    made->config.memory = model::mebibytes(256);
    version = made;
    Pool::Parts parts{*loop, maker, budget, freezer, logs, figures, lives, seconds(30)};
    pool = std::make_shared<Pool>(parts, version, admission.of(version->function));
  }
  ~PoolTest() override {
    pool->stop(Error(ErrorCode::Unavailable, "the test is over"));
    settle();
    EXPECT_EQ(lives.size(), 0u);
    EXPECT_TRUE(pool->is_empty());
    EXPECT_EQ(budget.keeper().count(), 0u);
  }

  void settle() { testing::settle(*loop); }
  void turn(milliseconds by) {
    clock.turn(by);
    settle();
  }
  // Others hold the rest of the memory.
  void leave_room_for(std::size_t instances) {
    auto room = instances * budget.typical_memory().count;
    others.memory.count = budget.keeper().limits().memory.count - budget.keeper().memory().count - room;
    ASSERT_TRUE(budget.admit(others, loop->now()));
  }
  // In steps short enough for what watches the queue.
  void turn_slowly(milliseconds by) {
    for (milliseconds passed{}; passed < by; passed += milliseconds(20)) turn(milliseconds(20));
  }

  runtime::Call& submit(const std::string& payload = "{}") {
    model::Invocation invocation;
    invocation.id = model::RequestId("request-" + std::to_string(calls.size() + 1));
    invocation.payload = payload;
    auto& call = *calls.emplace_back(std::make_unique<runtime::Call>(*loop, std::move(invocation), seconds(3)));
    pool->submit(call);
    return call;
  }
  // One more instance that is idle; `run_time` is what the pool learns of calls.
  FakeInstance& start_one(microseconds run_time = milliseconds(50)) {
    auto& call = submit();
    EXPECT_EQ(pool->starting(), 1u);
    auto& instance = maker.newest();
    instance.become_ready();
    instance.answer(milliseconds(10));
    EXPECT_TRUE(call.done.is_set());
    submit();
    instance.answer(run_time);
    return instance;
  }
  // `count` idle instances, made by calls that hang. The pool has then seen long calls.
  void start_many(std::size_t count) {
    leave_room_for(count - maker.living.size());
    while (maker.living.size() < count) {
      submit();
      turn_slowly(milliseconds(200));
      for (auto* instance : maker.living) {
        if (instance->state() == FakeInstance::State::Starting) instance->become_ready();
      }
    }
    budget.leave(others);
    for (auto* instance : maker.living) {
      while (!instance->calls.empty()) instance->answer();
    }
    ASSERT_EQ(pool->idle(), count);
  }
  static std::vector<std::string> payloads(const FakeInstance& instance) {
    std::vector<std::string> found;
    for (auto* call : instance.calls) found.push_back(call->invocation.payload);
    return found;
  }

  catalog::testing::HandClock clock;
  std::unique_ptr<io::Loop> loop = io::Loop::create(clock).value();
  testing::FakeInstances maker{*loop};
  ledger::Logs logs{*loop};
  metrics::Registry registry;
  Figures figures{registry};
  MemoryBudget budget{{{model::mebibytes(1024), 100}, std::chrono::minutes(60)}, figures, &Pool::evict};
  Freezer freezer{*loop, {seconds(2)}, &Pool::freeze};
  Kept others;
  Admission admission{1000};
  io::TaskGroup lives{*loop};
  catalog::VersionPointer version;
  std::vector<std::unique_ptr<runtime::Call>> calls;
  std::shared_ptr<Pool> pool;
};

// ---- refusals ----

TEST_F(PoolTest, RefusesWhatWaitsTooLongAndNamesTheLimit) {
  start_one();
  auto& hangs = submit();
  leave_room_for(0);
  auto& waits = submit();
  turn_slowly(seconds(29));
  EXPECT_FALSE(waits.done.is_set());
  turn_slowly(seconds(2));
  ASSERT_TRUE(waits.refusal);
  EXPECT_EQ(waits.refusal->code(), ErrorCode::Unavailable);
  EXPECT_THAT(waits.refusal->message(),
              HasSubstr("'hello' was free within 30000 ms; let calls wait longer with: virga serve --queue-wait"));
  EXPECT_FALSE(hangs.done.is_set());
  budget.leave(others);
}

TEST_F(PoolTest, AnswersEveryCallThatWaitsForAStartThatFailsAndTheNextOneTriesAgain) {
  auto& first = submit();
  auto& second = submit();
  maker.newest().fail_to_load(R"({"errorType":"RangeError"})");
  for (auto* other : maker.living) other->fail_to_load(R"({"errorType":"RangeError"})");
  settle();
  for (auto* call : {&first, &second}) {
    ASSERT_TRUE(call->done.is_set());
    EXPECT_EQ(call->outcome.fault, model::Fault::InitFailed);
    EXPECT_EQ(call->outcome.payload, R"({"errorType":"RangeError"})");
  }
  EXPECT_TRUE(first.outcome.is_cold());
  EXPECT_FALSE(second.outcome.is_cold()) << "one start is shown in one call";
  auto before = maker.made.size();
  auto& third = submit();
  EXPECT_EQ(maker.made.size(), before + 1);
  maker.newest().become_ready();
  maker.newest().answer();
  EXPECT_EQ(third.outcome.fault, model::Fault::None);
}

TEST_F(PoolTest, RefusesWhatWaitsWhenNoSandboxCanBeMade) {
  auto& call = submit();
  maker.newest().fail_to_start(Error(ErrorCode::Internal, "no user id is left"));
  settle();
  ASSERT_TRUE(call.refusal);
  EXPECT_EQ(call.refusal->code(), ErrorCode::Unavailable);
  EXPECT_EQ(call.refusal->message(), "no user id is left");
}

TEST_F(PoolTest, AFailedStartLeavesTheQueueToInstancesThatServe) {
  auto& serves = start_one();
  submit();
  auto& waits = submit();
  turn_slowly(milliseconds(400));
  ASSERT_EQ(maker.living.size(), 2u);
  maker.newest().fail_to_load("{}");
  settle();
  EXPECT_FALSE(waits.done.is_set());
  serves.answer();
  serves.answer();
  EXPECT_EQ(waits.outcome.fault, model::Fault::None);
}

TEST_F(PoolTest, StoppingRefusesWhatWaitsAndWhatComesBackFromItsInstances) {
  auto& instance = start_one(microseconds(50));
  auto& runs = submit("1");
  auto& prefetched = submit("2");
  ASSERT_THAT(payloads(instance), ElementsAre("1", "2"));
  pool->stop(Error(ErrorCode::Unavailable, "Virga is stopping"));
  auto& late = submit("3");
  settle();
  for (auto* call : {&runs, &prefetched, &late}) {
    ASSERT_TRUE(call->done.is_set());
    ASSERT_TRUE(call->refusal);
    EXPECT_EQ(call->refusal->message(), "Virga is stopping");
  }
  EXPECT_TRUE(maker.living.empty());
}

// ---- lending ----

TEST_F(PoolTest, ACallWaitsUntilTheFirstInstanceIsReady) {
  auto& call = submit();
  EXPECT_EQ(pool->starting(), 1u);
  EXPECT_FALSE(call.done.is_set());
  maker.newest().become_ready();
  EXPECT_EQ(pool->busy(), 1u);
  maker.newest().answer();
  EXPECT_TRUE(call.done.is_set());
  EXPECT_TRUE(call.outcome.is_cold());
  EXPECT_EQ(pool->idle(), 1u);
  EXPECT_EQ(pool->busy(), 0u);
}

TEST_F(PoolTest, GivesACallToTheInstanceUsedLast) {
  start_many(3);
  auto& last = *maker.living[1];
  submit("a");
  submit("b");
  submit("c");
  for (auto* instance : {maker.living[0], maker.living[2], &last}) instance->answer();
  for (int i = 0; i < 5; ++i) {
    submit("again");
    EXPECT_THAT(payloads(last), ElementsAre("again"));
    last.answer();
  }
}

TEST_F(PoolTest, PutsNoSecondCallIntoAnInstanceWhenCallsAreLong) {
  auto& instance = start_one(milliseconds(2));
  submit("runs");
  submit("waits");
  EXPECT_THAT(payloads(instance), ElementsAre("runs"));
}

TEST_F(PoolTest, PrefetchesNoMoreThanALittleWork) {
  auto& instance = start_one(microseconds(100));
  for (int i = 0; i < 10; ++i) submit();
  EXPECT_EQ(instance.calls.size(), 5u) << "500 us of calls that take 100";
}

TEST_F(PoolTest, PrefetchesNoMoreThanABoundHoweverShortTheCalls) {
  auto& instance = start_one(microseconds(1));
  for (int i = 0; i < 100; ++i) submit();
  EXPECT_EQ(instance.calls.size(), Lineup::kMaxDepth);
}

TEST_F(PoolTest, DoesNotPrefetchWhereTheContractHasOneCallAtATime) {
  auto& call = submit();
  maker.newest().takes_several = false;
  maker.newest().become_ready();
  maker.newest().answer(milliseconds(10));
  ASSERT_TRUE(call.done.is_set());
  submit();
  maker.newest().answer(microseconds(10));
  submit("runs");
  submit("waits");
  EXPECT_THAT(payloads(maker.newest()), ElementsAre("runs"));
  EXPECT_EQ(pool->busy(), 1u);
}

TEST_F(PoolTest, FillsInstancesThatRunSeveralAtATimeEvenlyAndNoFurther) {
  maker.at_once = 3;
  submit();
  maker.newest().become_ready();
  for (int i = 0; i < 4; ++i) submit();
  turn_slowly(milliseconds(2000));
  ASSERT_EQ(maker.living.size(), 2u) << "three run, two wait";
  auto &first = *maker.living[0], &second = maker.newest();
  EXPECT_EQ(first.calls.size(), 3u);
  second.become_ready();
  EXPECT_EQ(second.calls.size(), 2u);
  first.answer();
  first.answer();
  submit();
  EXPECT_EQ(first.calls.size(), 2u) << "the one with fewer gets it";
  submit();
  submit();
  submit();
  EXPECT_EQ(first.calls.size(), 3u);
  EXPECT_EQ(second.calls.size(), 3u);
  second.answer();
  EXPECT_EQ(second.calls.size(), 3u) << "the one that waited";
}

TEST_F(PoolTest, VeryShortCallsGoAlongWithABusyInstanceAlthoughAnotherIsIdle) {
  start_many(2);
  // Until the mean of what was seen is short.
  for (int i = 0; i < 200; ++i) {
    submit();
    for (auto* instance : maker.living) {
      while (!instance->calls.empty()) instance->answer(microseconds(10));
    }
  }
  submit("1");
  submit("2");
  submit("3");
  EXPECT_EQ(pool->busy(), 1u);
  EXPECT_EQ(pool->idle(), 1u);
}

TEST_F(PoolTest, GivesNothingToAnInstanceThatBeganToEnd) {
  start_many(2);
  auto& ends = *maker.living[1];
  submit("to the last");
  if (ends.calls.empty()) maker.living[0]->answer();
  while (!ends.calls.empty()) ends.answer();
  ends.begin_to_end();
  for (int i = 0; i < 3; ++i) submit();
  EXPECT_TRUE(ends.calls.empty());
  EXPECT_EQ(maker.living[0]->calls.size(), 1u);
  ends.leave();
}

// ---- instances that end ----

TEST_F(PoolTest, RunsAgainFirstAndInOrderWhatADeadInstanceHadNotBegun) {
  auto& instance = start_one(microseconds(100));
  for (const auto* payload : {"1", "2", "3", "4", "5", "6", "7"}) submit(payload);
  ASSERT_THAT(payloads(instance), ElementsAre("1", "2", "3", "4", "5"));
  instance.answer(microseconds(100));
  instance.begin_to_end();
  instance.leave();
  settle();
  auto& next = maker.newest();
  next.become_ready();
  EXPECT_THAT(payloads(next), ElementsAre("2", "3", "4", "5", "6"));
  while (!next.calls.empty()) next.answer(microseconds(100));
  for (const auto& call : calls) {
    EXPECT_TRUE(call->done.is_set());
    EXPECT_EQ(call->outcome.fault, model::Fault::None);
  }
  EXPECT_THAT(registry.expose(), HasSubstr("virga_requeued_total 5"));
  EXPECT_THAT(registry.expose(), HasSubstr("virga_invocations_total{function=\"hello\"} 9")) << "each counted once";
}

TEST_F(PoolTest, ADeathUnderOneCallIsThatCallsOutcome) {
  auto& instance = start_one();
  auto& call = submit();
  instance.die();
  settle();
  EXPECT_EQ(call.outcome.fault, model::Fault::Exited);
  EXPECT_TRUE(pool->is_empty());
}

TEST_F(PoolTest, TrustsNoPrefetchForAMinuteAfterADeathUnderSeveralCalls) {
  auto& instance = start_one(microseconds(100));
  for (const auto* payload : {"1", "2", "3"}) submit(payload);
  instance.die();
  settle();
  auto& next = maker.newest();
  next.become_ready();
  EXPECT_THAT(payloads(next), ElementsAre("1"));
  next.answer(microseconds(100));
  EXPECT_THAT(payloads(next), ElementsAre("2"));
  next.answer(microseconds(100));
  next.answer(microseconds(100));
  turn(seconds(59));
  submit("4");
  submit("5");
  EXPECT_THAT(payloads(next), ElementsAre("4"));
  next.answer(microseconds(100));
  next.answer(microseconds(100));
  turn(seconds(2));
  submit("6");
  submit("7");
  EXPECT_THAT(payloads(next), ElementsAre("6", "7"));
}

// ---- how many there are ----

TEST_F(PoolTest, StartsAnotherInstanceWhenACallRunsForLong) {
  start_one();
  submit("hangs");
  auto& waits = submit("waits");
  EXPECT_EQ(maker.living.size(), 1u);
  turn_slowly(milliseconds(400));
  ASSERT_EQ(maker.living.size(), 2u);
  maker.newest().become_ready();
  maker.newest().answer();
  EXPECT_TRUE(waits.done.is_set());
}

TEST_F(PoolTest, StartsNoMoreThanWaitsAndNoMoreThanAFewAtOnce) {
  submit();
  EXPECT_EQ(pool->starting(), 1u);
  for (int i = 0; i < 50; ++i) submit();
  EXPECT_EQ(pool->starting(), kMaxStarting);
}

TEST_F(PoolTest, WaitsForRoomWhenTheBudgetHasNone) {
  leave_room_for(0);
  submit();
  turn_slowly(milliseconds(100));
  EXPECT_EQ(pool->starting(), 0u);
  budget.leave(others);
  turn_slowly(milliseconds(40));
  EXPECT_EQ(pool->starting(), 1u);
}

TEST_F(PoolTest, CountsAnInstanceWithWhatIsKnownOfOthersUntilItIsMeasured) {
  submit();
  EXPECT_EQ(budget.keeper().memory(), budget.typical_memory());
  auto& first = maker.newest();
  first.become_ready();
  first.resident = model::mebibytes(20);
  first.answer();
  EXPECT_EQ(budget.keeper().memory(), model::mebibytes(20));
  EXPECT_EQ(budget.keeper().idle_memory(), model::mebibytes(20));
  EXPECT_LT(budget.typical_memory(), model::mebibytes(64));
  submit("hangs");
  submit("waits");
  EXPECT_EQ(budget.keeper().idle_memory(), model::Bytes{0});
  turn_slowly(milliseconds(400));
  ASSERT_EQ(maker.living.size(), 2u);
  EXPECT_EQ(budget.keeper().memory(), model::mebibytes(40)) << "the second is taken to be like the first";
}

TEST_F(PoolTest, AnEvictedInstanceTakesNoMoreCalls) {
  start_many(2);
  auto before = budget.keeper().count();
  leave_room_for(0);
  Kept other;
  other.memory = model::mebibytes(1);
  ASSERT_TRUE(budget.admit(other, loop->now()));
  EXPECT_EQ(budget.keeper().count(), before + 1) << "one of two went";
  EXPECT_EQ(pool->idle(), 1u);
  settle();
  EXPECT_EQ(maker.living.size(), 1u);
  EXPECT_THAT(registry.expose(), HasSubstr("virga_instance_evictions_total{reason=\"room\"} 1"));
  budget.leave(other);
  budget.leave(others);
}

TEST_F(PoolTest, ARetiredPoolEndsWhatIsIdleAndLetsTheOthersFinish) {
  start_many(2);
  submit("runs");
  pool->set_duty(Pool::Duty::Retired);
  EXPECT_EQ(maker.retired.size(), 1u);
  settle();
  ASSERT_EQ(maker.living.size(), 1u);
  EXPECT_FALSE(maker.living[0]->is_killed);
  maker.living[0]->answer();
  settle();
  EXPECT_TRUE(pool->is_empty());
  EXPECT_EQ(calls.back()->outcome.fault, model::Fault::None);
}

TEST_F(PoolTest, ARetiredPoolStillRunsACallThatComesLate) {
  pool->set_duty(Pool::Duty::Retired);
  auto& call = submit();
  maker.newest().become_ready();
  maker.newest().answer();
  EXPECT_EQ(call.outcome.fault, model::Fault::None);
  settle();
  EXPECT_TRUE(pool->is_empty());
}

TEST_F(PoolTest, EndsThoseThatAreIdleForLong) {
  start_many(2);
  turn(std::chrono::minutes(40));
  submit();
  for (auto* instance : maker.living) {
    if (!instance->calls.empty()) instance->answer();
  }
  turn(std::chrono::minutes(21));
  budget.take_care(clock.steady());
  settle();
  EXPECT_EQ(pool->idle(), 1u);
  EXPECT_THAT(registry.expose(), HasSubstr("virga_instance_evictions_total{reason=\"idle\"} 1"));
}

// ---- what is kept of a call ----

TEST_F(PoolTest, KeepsTheLogOfACallWithItsReport) {
  auto& instance = start_one();
  auto& call = submit();
  call.log = "hello\n";
  call.invocation.log_tail = model::LogTail::Wanted;
  instance.peak_memory = model::mebibytes(40);
  instance.answer(milliseconds(12), model::Fault::TimedOut);
  EXPECT_THAT(call.outcome.log_tail, HasSubstr("hello\n"));
  auto records = logs.read(version->function, 0, 10);
  ASSERT_EQ(records.size(), 3u);
  const auto& report = records[2].report;
  EXPECT_EQ(report.duration, milliseconds(12));
  EXPECT_EQ(report.memory_size, model::mebibytes(256));
  EXPECT_EQ(report.max_memory_used, model::mebibytes(40));
  EXPECT_EQ(report.status, ledger::ReportStatus::Timeout);
  EXPECT_EQ(report.init_duration, microseconds(0));
  EXPECT_EQ(records[0].report.init_duration, milliseconds(100)) << "of the call that waited for the start";
}

TEST_F(PoolTest, KeepsWhatAnInstanceWritesOutsideOfCalls) {
  start_one().log("between\n");
  auto records = logs.read(version->function, 0, 10);
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back().text, "between\n");
  EXPECT_TRUE(records.back().id.empty());
}

}  // namespace
}  // namespace virga::dispatch
