#include <gtest/gtest.h>

#include <map>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/dispatcher.h"
#include "virga/dispatch/testing/fake_instances.h"
#include "virga/io/task_group.h"

// Functions that share a machine: one that takes all it can leaves the others what is theirs. Fake instances, each call
// 100 ms, each start 100 ms, on a clock turned by hand.
namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeInstance;

constexpr milliseconds kCall{100};
constexpr milliseconds kStart{100};
constexpr milliseconds kStep{20};

class SharedMachine : public ::testing::Test {
 protected:
  SharedMachine() {
    Options options;
    options.max_instances = 20;
    options.account_concurrency = 100;
    dispatcher.emplace(Dispatcher::Parts{*loop, *catalog.catalog, maker, logs, registry}, options);
  }
  ~SharedMachine() override {
    is_over = true;
    io::run_until_done(*loop, dispatcher->stop());
    for (int i = 0; i < 10; ++i) step();
    EXPECT_EQ(callers.size(), 0u);
    EXPECT_TRUE(maker.living.empty());
  }

  void add_function(const std::string& name) { (void)catalog.create(name); }

  // Each calls again as soon as it has its answer, and after a moment when it was refused.
  void add_callers(const std::string& name, int count) {
    for (int i = 0; i < count; ++i) callers.add(call_for_ever(name));
  }
  io::Task<void> call_for_ever(std::string name) {
    while (!is_over) {
      auto target = catalog.catalog->resolve(model::FunctionName(name), "", 0).value();
      model::Invocation invocation;
      invocation.id = model::RequestId("id");
      auto began = catalog.clock.steady();
      auto outcome = co_await dispatcher->invoke(std::move(target), std::move(invocation));
      if (outcome) {
        ++answered[name];
        waits[name].push_back(catalog.clock.steady() - began);
      } else {
        ++refused[name];
        co_await io::sleep_until(*loop, io::Deadline::in(*loop, kStep));
      }
    }
  }

  void step() {
    catalog.clock.turn(kStep);
    auto now = catalog.clock.steady();
    for (auto* instance : std::vector<FakeInstance*>(maker.living)) {
      auto begun = begins.try_emplace(instance, now).first->second;
      if (instance->state() == FakeInstance::State::Starting && now - begun >= kStart) instance->become_ready(kStart);
      if (instance->state() == FakeInstance::State::Ready && !instance->calls.empty() &&
          instance->head_age(now) >= kCall) {
        instance->answer(kCall);
      }
    }
    testing::settle(*loop);
    std::erase_if(begins, [this](const auto& entry) {
      return std::ranges::find(maker.living, entry.first) == maker.living.end();
    });
  }
  // Of the answers since the last time it was asked.
  SteadyTime::duration take_p99(const std::string& name) {
    auto times = std::exchange(waits[name], {});
    std::ranges::sort(times);
    return times.empty() ? SteadyTime::duration() : times[times.size() * 99 / 100];
  }
  // How many calls of the function were answered in that time.
  int run(const std::string& name, seconds time) {
    auto before = answered[name];
    for (milliseconds passed{}; passed < time; passed += kStep) step();
    return answered[name] - before;
  }

  catalog::testing::TestCatalog catalog;
  std::unique_ptr<io::Loop> loop = io::Loop::create(catalog.clock).value();
  testing::FakeInstances maker{*loop};
  ledger::Logs logs{*loop};
  metrics::Registry registry;
  io::TaskGroup callers{*loop};
  std::optional<Dispatcher> dispatcher;
  std::map<std::string, int> answered;
  std::map<std::string, int> refused;
  std::map<std::string, std::vector<SteadyTime::duration>> waits;
  std::map<FakeInstance*, SteadyTime> begins;
  bool is_over = false;
};

TEST_F(SharedMachine, AFunctionAtAHundredTimesItsShareLeavesTheOthersTheirThroughput) {
  add_function("modest");
  add_function("small");
  add_callers("modest", 5);
  run("modest", seconds(10));
  (void)take_p99("modest");
  auto alone = run("modest", seconds(20));
  auto p99_alone = take_p99("modest");
  ASSERT_GT(alone, 200);

  add_function("greedy");
  add_callers("greedy", 500);
  run("modest", seconds(10));
  (void)take_p99("modest");
  auto beside = run("modest", seconds(20));
  EXPECT_LE(take_p99("modest"), p99_alone * 3 / 2);
  EXPECT_GE(beside, alone * 95 / 100) << "of a function that was there before";
  EXPECT_GT(answered["greedy"], 20 * 100) << "what is free is used";

  // One that comes when all is taken.
  add_callers("small", 1);
  run("small", seconds(2));
  EXPECT_GE(run("small", seconds(20)), 20 * 8 * 95 / 100);
  EXPECT_EQ(refused["small"] + refused["modest"], 0);
  EXPECT_GT(refused["greedy"], 0);
}

TEST_F(SharedMachine, AFunctionAloneHasTheWholeMachine) {
  add_function("greedy");
  add_callers("greedy", 100);
  run("greedy", seconds(10));
  EXPECT_EQ(dispatcher->instances().busy, 20u);
  EXPECT_EQ(refused["greedy"], 0);
}

TEST_F(SharedMachine, InstancesDoNotGoToAndFroBetweenEquals) {
  add_function("one");
  add_function("other");
  add_callers("one", 40);
  add_callers("other", 40);
  run("one", seconds(30));
  auto made = maker.made.size();
  auto one = run("one", seconds(10));
  EXPECT_LE(maker.made.size(), made + 2);
  EXPECT_NEAR(one, 10 * 10 * 8, 200) << "half of the machine";
}

}  // namespace
}  // namespace virga::dispatch
