#include "virga/dispatch/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/provisioned.h"
#include "virga/dispatch/testing/fake_instances.h"
#include "virga/io/task_group.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::Contains;
using testing::FakeInstance;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Answer {
  bool is_there = false;
  Result<model::Outcome> outcome = model::Outcome();
};

io::Task<void> ask(Dispatcher& dispatcher, catalog::Resolved target, std::string payload, Answer& answer) {
  model::Invocation invocation;
  invocation.id = model::RequestId("id");
  invocation.payload = std::move(payload);
  answer.outcome = co_await dispatcher.invoke(std::move(target), std::move(invocation));
  answer.is_there = true;
}

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    for (const auto* name : {"hello", "other"}) {
      (void)catalog.create(name);
      activate(name);
    }
    make({});
  }
  ~DispatcherTest() override {
    if (dispatcher) stop();
    settle();
    EXPECT_EQ(callers.size(), 0u);
    EXPECT_TRUE(maker.living.empty());
  }

  void make(Options options) {
    if (dispatcher) stop();
    registry = std::make_unique<metrics::Registry>();
    dispatcher.emplace(Dispatcher::Parts{*loop, *catalog.catalog, maker, logs, *registry}, options);
  }
  void stop() {
    io::run_until_done(*loop, dispatcher->stop());
    dispatcher.reset();
  }
  void settle() { testing::settle(*loop); }
  void turn(milliseconds by) {
    catalog.clock.turn(by);
    settle();
  }
  void set_state(const std::string& name, model::FunctionState state) {
    catalog::StateChange change;
    change.state = state;
    ASSERT_TRUE(catalog.catalog->set_state(model::FunctionName(name), model::VersionNumber(), change));
  }
  void activate(const std::string& name) { set_state(name, model::FunctionState::Active); }
  void update(const std::string& name) {
    catalog::UpdateConfig update;
    update.change = [](model::FunctionConfig& config) {
      config.description += "changed";
      return Result<>();
    };
    ASSERT_TRUE(catalog.catalog->update_config(model::FunctionName(name), update));
    activate(name);
    settle();
  }
  catalog::Resolved resolve(const std::string& name) {
    return catalog.catalog->resolve(model::FunctionName(name), "", 0).value();
  }
  Answer& call(catalog::Resolved target, std::string payload = "{}") {
    auto& answer = *answers.emplace_back(std::make_unique<Answer>());
    callers.add(ask(*dispatcher, std::move(target), std::move(payload), answer));
    return answer;
  }
  Answer& call(const std::string& name = "hello") { return call(resolve(name)); }
  void tag(const std::string& name, const std::map<std::string, std::string>& tags) {
    ASSERT_TRUE(catalog.catalog->tag_function(model::FunctionName(name), tags));
    settle();
  }
  void fail_calls(const std::string& name, int count) {
    for (int i = 0; i < count; ++i) {
      call(name);
      if (maker.newest().state() == FakeInstance::State::Starting) maker.newest().become_ready();
      maker.newest().answer(milliseconds(1), model::Fault::Reported);
      settle();
    }
  }
  // Of version 1, which is published for it; nothing: takes it away.
  void provision(const std::string& name, std::optional<std::uint32_t> count) {
    ASSERT_TRUE(catalog.catalog->publish_version(model::FunctionName(name)));
    std::optional<std::string> json;
    if (count) json = write_provisioned({*count, {}});
    ASSERT_TRUE(catalog.catalog->attach(model::FunctionName(name), {std::string(kProvisionedKind), "1"}, json));
    settle();
  }
  io::Task<void> wait_until_taken_over(bool& is_taken_over) {
    auto version = resolve("hello").version;
    co_await dispatcher->taken_over(version);
    is_taken_over = true;
  }
  // Answers all that runs, instances that start included, until nothing waits.
  void answer_all() {
    for (int i = 0; i < 100 && callers.size() > 0; ++i) {
      for (auto* instance : std::vector<FakeInstance*>(maker.living)) {
        if (instance->state() == FakeInstance::State::Starting) instance->become_ready();
        while (!instance->calls.empty()) instance->answer();
      }
      settle();
    }
  }

  catalog::testing::TestCatalog catalog;
  std::unique_ptr<io::Loop> loop = io::Loop::create(catalog.clock).value();
  testing::FakeInstances maker{*loop};
  ledger::Logs logs{*loop};
  std::unique_ptr<metrics::Registry> registry;
  io::TaskGroup callers{*loop};
  std::vector<std::unique_ptr<Answer>> answers;
  std::optional<Dispatcher> dispatcher;
};

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

TEST_F(DispatcherTest, RefusesMoreEventInvocationsThanItKeeps) {
  Options options;
  options.max_waiting_later = 1;
  make(options);
  EXPECT_TRUE(dispatcher->invoke_later(resolve("hello"), {}));
  auto refusal = dispatcher->invoke_later(resolve("hello"), {});
  ASSERT_FALSE(refusal);
  EXPECT_THAT(refusal.error().message(), StartsWith("FunctionInvocationRateLimitExceeded: 1 "));
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
  EXPECT_FALSE(dispatcher->invoke_later(resolve("hello"), {}));
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

TEST_F(DispatcherTest, TriesAnEventInvocationThreeTimes) {
  ASSERT_TRUE(dispatcher->invoke_later(resolve("hello"), {}));
  maker.newest().become_ready();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    auto& instance = maker.newest();
    ASSERT_EQ(instance.calls.size(), 1u) << attempt;
    instance.answer(milliseconds(1), model::Fault::Reported);
    for (int second = 0; second < 125 && instance.calls.empty(); ++second) turn(seconds(1));
  }
  EXPECT_TRUE(maker.newest().calls.empty());
  EXPECT_THAT(registry->expose(), HasSubstr("virga_invocations_total{function=\"hello\"} 3"));
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

// ---- deploys and rollbacks ----

TEST_F(DispatcherTest, TheOldVersionServesUntilTheNewOneIsReady) {
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

TEST_F(DispatcherTest, ANewVersionThatDoesNotStartServesNevertheless) {
  call();
  answer_all();
  update("hello");
  maker.newest().fail_to_load("{}");
  settle();
  call();
  EXPECT_EQ(maker.made.back(), resolve("hello").version->revision.text());
  answer_all();
}

TEST_F(DispatcherTest, ARollbackIsServedByAnInstanceThatWasKept) {
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

// ---- limits of a function ----

TEST_F(DispatcherTest, HoldsAFunctionToTheRateOfItsTags) {
  tag("hello", {{"virga:rate", "2"}});
  call();
  call();
  auto& third = call();
  ASSERT_TRUE(third.is_there);
  EXPECT_THAT(third.outcome.error().message(), StartsWith("FunctionInvocationRateLimitExceeded: "));
  EXPECT_THAT(registry->expose(), HasSubstr("virga_throttles_total{function=\"hello\"} 1"));
  EXPECT_FALSE(dispatcher->invoke_later(resolve("hello"), {}));
  answer_all();
  turn(milliseconds(500));
  EXPECT_FALSE(call().is_there);
  answer_all();
}

TEST_F(DispatcherTest, AnOpenBreakerAnswersWithTheFallback) {
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

TEST_F(DispatcherTest, EventInvocationsLeaveTheLastPlacesToCallsThatAreWaitedFor) {
  Options options;
  options.account_concurrency = 10;
  make(options);
  for (int i = 0; i < 9; ++i) call("other");
  ASSERT_TRUE(dispatcher->invoke_later(resolve("hello"), {}));
  settle();
  EXPECT_FALSE(call("hello").is_there);
  EXPECT_THAT(registry->expose(), HasSubstr("virga_shed_total{reason=\"event\"} 1"));
  answer_all();
  for (int second = 0; second < 5; ++second) turn(seconds(1));
  for (auto* instance : std::vector<FakeInstance*>(maker.living)) {
    while (!instance->calls.empty()) instance->answer();
  }
  settle();
  EXPECT_THAT(registry->expose(), HasSubstr("virga_invocations_total{function=\"hello\"} 2")) << "and run later";
}

// ---- provisioned concurrency ----

TEST_F(DispatcherTest, KeepsProvisionedInstancesReadyWhateverElseNeedsTheRoom) {
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

TEST_F(DispatcherTest, StartsWhatWasProvisionedBeforeItself) {
  provision("hello", 1);
  make({});
  settle();
  ASSERT_EQ(maker.living.size(), 1u);
}

TEST_F(DispatcherTest, SaysWhyProvisionedInstancesDoNotStartAndTriesAgain) {
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
