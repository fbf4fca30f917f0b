#include "virga/events/schedule/scheduler.h"

#include <gmock/gmock.h>

#include "virga/events/bus/bus.h"
#include "virga/events/schedule/schedules.h"
#include "virga/events/targets/bus.h"
#include "virga/events/testing/async_world.h"

namespace virga::events {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHello = "arn:aws:lambda:us-east-1:000000000000:function:hello";

// Schedules and rules that call functions, on a store in memory and a clock that is turned by hand.
class SchedulerTest : public testing::AsyncWorld {
 protected:
  SchedulerTest() { begin(); }
  ~SchedulerTest() override { end(); }

  void begin() {
    scheduler.emplace(Scheduler::Parts{*loop, store, *registry});
    Place place{"us-east-1", "000000000000"};
    bus.emplace(Bus::Parts{*loop, store, *scheduler, targets, system_random(), *registry, place});
    schedules.emplace(Schedules::Parts{*loop, store, *scheduler, targets, system_random(), place});
    bus_target.emplace(*bus);
    targets.add(*bus_target);
    scheduler->add_owner("rule/", *bus);
    scheduler->add_owner("schedule/", *schedules);
    ASSERT_TRUE(bus->load(tests.store));
    ASSERT_TRUE(schedules->load(tests.store));
    ASSERT_TRUE(scheduler->load(tests.store));
    scheduler->serve();
    settle();
  }
  void end() {
    scheduler->close();
    io::run_until_done(*loop, scheduler->stop());
    schedules.reset();
    bus.reset();
    scheduler.reset();
  }
  // Down for a while.
  void restart_after(std::chrono::milliseconds down) {
    end();
    stop();
    tests.clock.turn(down);
    start();
    begin();
  }

  template <typename T>
  T run(io::Task<T> task) {
    std::optional<T> result;
    io::run_until_done(*loop, keep(std::move(task), result));
    settle();
    return std::move(*result);
  }
  Schedule schedule(const std::string& expression, const std::string& input = "1") {
    Schedule schedule;
    schedule.name = "s";
    schedule.plan.expression = expression;
    schedule.target = R"({"Arn":")" + kHello + R"(","RoleArn":"r","Input":")" + input + R"("})";
    return schedule;
  }
  std::vector<FiringRecord::State> states() {
    auto found = run(scheduler->firings("schedule/default/s", 100));
    EXPECT_TRUE(found);
    std::vector<FiringRecord::State> states;
    for (const auto& record : *found) states.push_back(record.state);
    return states;
  }

  std::optional<Scheduler> scheduler;
  std::optional<Bus> bus;
  std::optional<Schedules> schedules;
  std::optional<BusTarget> bus_target;
};

TEST_F(SchedulerTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(run(schedules->create(schedule("often"))).error().code(), ErrorCode::InvalidArgument);
  auto elsewhere = schedule("rate(1 minute)");
  elsewhere.target = R"({"Arn":"arn:aws:lambda:us-east-1:000000000000:function:nowhere"})";
  EXPECT_EQ(run(schedules->create(elsewhere)).error().code(), ErrorCode::NotFound);
  auto grouped = schedule("rate(1 minute)");
  grouped.group = "nowhere";
  EXPECT_EQ(run(schedules->create(grouped)).error().code(), ErrorCode::NotFound);
  ASSERT_TRUE(run(schedules->create(schedule("rate(1 minute)"))));
  EXPECT_EQ(run(schedules->create(schedule("rate(1 minute)"))).error().code(), ErrorCode::AlreadyExists);
  EXPECT_EQ(run(schedules->remove("default", "other")).error().code(), ErrorCode::NotFound);
}

TEST_F(SchedulerTest, CallsItsTargetEachTime) {
  ASSERT_TRUE(run(schedules->create(schedule("rate(1 minute)", "[<aws.scheduler.attempt-number>]"))));
  turn(std::chrono::seconds(59));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  turn(std::chrono::seconds(2));
  ASSERT_EQ(invoker.invocations.size(), 1u);
  EXPECT_EQ(invoker.invocations[0].payload, "[1]");
  turn(std::chrono::seconds(60));
  EXPECT_EQ(invoker.invocations.size(), 2u);
  EXPECT_THAT(states(), ElementsAre(FiringRecord::State::Sent, FiringRecord::State::Sent));
}

TEST_F(SchedulerTest, MakesAFunctionReadyShortlyBeforeItsTime) {
  ASSERT_TRUE(run(schedules->create(schedule("rate(1 minute)"))));
  BusRule rule;
  rule.bus = kDefaultBus;
  rule.name = "r";
  rule.schedule = "rate(2 minutes)";
  rule.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":"arn:aws:lambda:r:0:function:other"})"));
  rule.targets.emplace("2", *RuleTarget::read(R"({"Id":"2","Arn":"arn:aws:events:r:0:event-bus/default"})"));
  ASSERT_TRUE(run(bus->put_rule(rule)));
  turn(std::chrono::seconds(56));
  EXPECT_THAT(invoker.prepared, IsEmpty());
  turn(std::chrono::milliseconds(1100));
  EXPECT_THAT(invoker.prepared, ElementsAre("hello"));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  turn(std::chrono::seconds(3));
  EXPECT_EQ(invoker.invocations.size(), 1u);
  EXPECT_THAT(invoker.prepared, ElementsAre("hello"));
  turn(std::chrono::seconds(58));
  EXPECT_THAT(invoker.prepared, ElementsAre("hello", "other", "hello"));
  // What is late when Virga comes back is fired at once, and nothing is made ready for it.
  ASSERT_TRUE(
      run(bus->change_rule(std::string(kDefaultBus), "r", [](BusRule& changed) { changed.is_enabled = false; })));
  restart_after(std::chrono::seconds(570));
  EXPECT_THAT(invoker.prepared, ElementsAre("hello", "other", "hello"));
}

TEST_F(SchedulerTest, MakesUpForWhatWasMissedAsItsPlanSays) {
  auto often = schedule("rate(1 hour)");
  for (auto [missed, calls] : {std::pair(Missed::Once, 1u), std::pair(Missed::All, 3u), std::pair(Missed::Skip, 0u)}) {
    invoker.invocations.clear();
    often.plan.missed = missed;
    ASSERT_TRUE(run(schedules->create(often)));
    restart_after(std::chrono::minutes(200));
    EXPECT_EQ(invoker.invocations.size(), calls) << name(missed);
    restart_after(std::chrono::milliseconds(0));
    EXPECT_EQ(invoker.invocations.size(), calls) << name(missed);
    ASSERT_TRUE(run(schedules->remove("default", "s")));
  }
}

TEST_F(SchedulerTest, WritesDownWhatItsTargetDoesNotTake) {
  ASSERT_TRUE(run(schedules->create(schedule("rate(1 minute)"))));
  ASSERT_TRUE(tests.catalog->delete_function(model::FunctionName("hello")));
  turn(std::chrono::seconds(61));
  auto found = run(scheduler->firings("schedule/default/s", 10));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().state, FiringRecord::State::Failed);
  EXPECT_THAT(found->front().result, HasSubstr("there is no function"));
}

TEST_F(SchedulerTest, FiresOnceTheDiskTakesItAgain) {
  ASSERT_TRUE(run(schedules->create(schedule("rate(1 minute)"))));
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "full"));
  turn(std::chrono::seconds(61));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  tests.store.fail_commits(std::nullopt);
  turn(std::chrono::seconds(2));
  EXPECT_EQ(invoker.invocations.size(), 1u);
}

TEST_F(SchedulerTest, ASingleTimeCanRemoveItsSchedule) {
  // The clock begins at 2023-11-14T22:13:20Z.
  auto once = schedule("at(2023-11-14T22:14:00)");
  once.is_deleted_after = true;
  ASSERT_TRUE(run(schedules->create(once)));
  turn(std::chrono::seconds(41));
  EXPECT_EQ(invoker.invocations.size(), 1u);
  EXPECT_FALSE(run(schedules->get("default", "s")));
  EXPECT_THAT(states(), ElementsAre(FiringRecord::State::Sent));
  restart_after(std::chrono::hours(1));
  EXPECT_EQ(invoker.invocations.size(), 1u);
}

TEST_F(SchedulerTest, AGroupTakesItsSchedulesWithIt) {
  ASSERT_TRUE(run(schedules->put_group("g", {})));
  auto grouped = schedule("rate(1 minute)");
  grouped.group = "g";
  ASSERT_TRUE(run(schedules->create(grouped)));
  restart_after(std::chrono::milliseconds(0));
  EXPECT_TRUE(run(schedules->get("g", "s")));
  ASSERT_TRUE(run(schedules->remove_group("g")));
  turn(std::chrono::minutes(5));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  EXPECT_FALSE(run(schedules->get("g", "s")));
}

TEST_F(SchedulerTest, RulesMayHaveASchedule) {
  BusRule rule;
  rule.bus = kDefaultBus;
  rule.name = "r";
  rule.schedule = "rate(1 minute)";
  ASSERT_TRUE(run(bus->put_rule(rule)));
  auto target = RuleTarget::read(R"({"Id":"1","Arn":")" + kHello + R"(","InputPath":"$.detail-type"})");
  ASSERT_TRUE(target);
  ASSERT_TRUE(run(bus->change_rule("default", "r", [&](BusRule& changed) { changed.targets.emplace("1", *target); })));
  restart_after(std::chrono::milliseconds(0));
  turn(std::chrono::seconds(61));
  ASSERT_EQ(invoker.invocations.size(), 1u);
  EXPECT_EQ(invoker.invocations[0].payload, R"("Scheduled Event")");
  ASSERT_TRUE(run(bus->change_rule("default", "r", [](BusRule& changed) { changed.is_enabled = false; })));
  turn(std::chrono::minutes(5));
  EXPECT_EQ(invoker.invocations.size(), 1u);
}

TEST_F(SchedulerTest, EventsGoToTheTargetsOfTheRulesTheyMatch) {
  BusInfo orders;
  orders.name = "orders";
  ASSERT_TRUE(run(bus->create_bus(orders)));
  EXPECT_EQ(run(bus->create_bus(orders)).error().code(), ErrorCode::AlreadyExists);
  BusRule forward;
  forward.bus = kDefaultBus;
  forward.name = "forward";
  forward.pattern = R"({"source":["shop"]})";
  forward.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":"arn:aws:events:r:0:event-bus/orders"})"));
  ASSERT_TRUE(run(bus->put_rule(forward)));
  BusRule call;
  call.bus = "orders";
  call.name = "call";
  call.pattern = R"({"detail":{"price":[{"numeric":[">",10]}]}})";
  call.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":")" + kHello + R"(","InputPath":"$.detail"})"));
  ASSERT_TRUE(run(bus->put_rule(call)));
  restart_after(std::chrono::milliseconds(0));
  std::vector<Bus::Entry> entries(4);
  for (auto& entry : entries) {
    entry.event.source = "shop";
    entry.event.detail = R"({"price":11.50})";
  }
  entries[1].event.source = "other";
  entries[2].event.detail = R"({"price":9})";
  entries[3].bus = "nowhere";
  auto ids = run(bus->put(entries));
  ASSERT_TRUE(ids);
  ASSERT_EQ(ids->size(), 4u);
  EXPECT_TRUE((*ids)[2]);
  EXPECT_EQ((*ids)[3].error().code(), ErrorCode::NotFound);
  ASSERT_EQ(invoker.invocations.size(), 1u);
  EXPECT_EQ(invoker.invocations[0].payload, R"({"price":11.50})");
  EXPECT_EQ(run(bus->delete_bus("orders")).error().code(), ErrorCode::Conflict);
}

TEST_F(SchedulerTest, AFiringThatIsLaterThanItsRetryPolicyAllowsIsADeadLetter) {
  auto late = schedule("rate(1 hour)");
  late.target = R"({"Arn":")" + kHello +
                R"(","Input":"1","RetryPolicy":{"MaximumEventAgeInSeconds":600},)"
                R"("DeadLetterConfig":{"Arn":"arn:aws:lambda:r:0:function:other"}})";
  ASSERT_TRUE(run(schedules->create(late)));
  restart_after(std::chrono::minutes(65));
  ASSERT_EQ(invoker.functions.size(), 1u);
  EXPECT_EQ(invoker.functions.back(), "hello") << "five minutes are allowed";
  restart_after(std::chrono::minutes(80));
  ASSERT_EQ(invoker.functions.size(), 2u);
  EXPECT_EQ(invoker.functions.back(), "other");
  auto wrong = schedule("rate(1 hour)");
  wrong.name = "w";
  wrong.target = R"({"Arn":")" + kHello + R"(","RetryPolicy":{"MaximumEventAgeInSeconds":5}})";
  EXPECT_THAT(run(schedules->create(wrong)).error().message(), HasSubstr("from 60 to 86400"));
}

TEST_F(SchedulerTest, AnEventThatItsFunctionCannotBeginWithInTimeIsADeadLetter) {
  BusRule rule;
  rule.bus = kDefaultBus;
  rule.name = "r";
  rule.pattern = R"({"source":["shop"]})";
  rule.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":")" + kHello +
                                              R"(","Input":"7","RetryPolicy":{"MaximumEventAgeInSeconds":60},)"
                                              R"("DeadLetterConfig":{"Arn":"arn:aws:lambda:r:0:function:other"}})"));
  ASSERT_TRUE(run(bus->put_rule(rule)));
  for (int i = 0; i < 10; ++i) invoker.outcomes.push_back(dispatch::testing::FakeInvoker::refusal());
  std::vector<Bus::Entry> entries(1);
  entries[0].event.source = "shop";
  ASSERT_TRUE(run(bus->put(entries)));
  for (int i = 0; i < 58; ++i) turn(std::chrono::seconds(1));
  auto refused = invoker.functions.size();
  EXPECT_GT(refused, 2u) << "it is tried again and again";
  for (const auto& name : invoker.functions) EXPECT_EQ(name, "hello");
  invoker.outcomes.clear();
  invoker.functions.clear();
  restart_after(std::chrono::minutes(1));
  turn(std::chrono::minutes(5));
  EXPECT_THAT(invoker.functions, ElementsAre("other"));
  EXPECT_EQ(invoker.invocations.back().payload, "7");
}

TEST_F(SchedulerTest, AnEventThatIsNotOnTheDiskIsNotAcknowledged) {
  BusRule rule;
  rule.bus = kDefaultBus;
  rule.name = "r";
  rule.pattern = R"({"source":["shop"]})";
  rule.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":")" + kHello + R"("})"));
  ASSERT_TRUE(run(bus->put_rule(rule)));
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "full"));
  std::vector<Bus::Entry> entries(1);
  entries[0].event.source = "shop";
  EXPECT_FALSE(run(bus->put(entries)));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  tests.store.fail_commits(std::nullopt);
}

TEST_F(SchedulerTest, ALoopOfBusesEnds) {
  BusRule rule;
  rule.bus = kDefaultBus;
  rule.name = "r";
  rule.pattern = R"({"source":["shop"]})";
  rule.targets.emplace("1", *RuleTarget::read(R"({"Id":"1","Arn":"arn:aws:events:r:0:event-bus/default"})"));
  ASSERT_TRUE(run(bus->put_rule(rule)));
  std::vector<Bus::Entry> entries(1);
  entries[0].event.source = "shop";
  EXPECT_TRUE(run(bus->put(entries)));
}

}  // namespace
}  // namespace virga::events
