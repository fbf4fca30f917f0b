#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/dispatcher.h"
#include "virga/dispatch/provisioned.h"
#include "virga/dispatch/testing/fake_instances.h"
#include "virga/io/task_group.h"

namespace virga::dispatch::testing {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Answer {
  bool is_there = false;
  Result<model::Outcome> outcome = model::Outcome();
};

inline io::Task<void> ask(Dispatcher& dispatcher, catalog::Resolved target, std::string payload,
                          model::InvocationKind kind, Answer& answer) {
  model::Invocation invocation;
  invocation.kind = kind;
  invocation.id = model::RequestId("id");
  invocation.payload = std::move(payload);
  answer.outcome = co_await dispatcher.invoke(std::move(target), std::move(invocation));
  answer.is_there = true;
}

// A dispatcher on a catalog in memory, with the functions "hello" and "other" and fake instances.
class DispatcherWorld : public ::testing::Test {
 protected:
  DispatcherWorld() {
    for (const auto* name : {"hello", "other"}) {
      (void)catalog.create(name);
      activate(name);
    }
    make({});
  }
  ~DispatcherWorld() override {
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
  Answer& call(catalog::Resolved target, std::string payload = "{}",
               model::InvocationKind kind = model::InvocationKind::Waited) {
    auto& answer = *answers.emplace_back(std::make_unique<Answer>());
    callers.add(ask(*dispatcher, std::move(target), std::move(payload), kind, answer));
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
  io::Task<void> wait_until_warm(catalog::VersionPointer version, catalog::VersionPointer used, bool& is_warm) {
    co_await dispatcher->warm(std::move(version), std::move(used));
    is_warm = true;
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
  FakeInstances maker{*loop};
  ledger::Logs logs{*loop};
  std::unique_ptr<metrics::Registry> registry;
  io::TaskGroup callers{*loop};
  std::vector<std::unique_ptr<Answer>> answers;
  std::optional<Dispatcher> dispatcher;
};

}  // namespace virga::dispatch::testing
