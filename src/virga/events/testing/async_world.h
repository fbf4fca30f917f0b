#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/testing/fake_instances.h"
#include "virga/dispatch/testing/fake_invoker.h"
#include "virga/events/async_calls.h"
#include "virga/events/rules.h"
#include "virga/events/targets/function.h"
#include "virga/io/task_group.h"
#include "virga/store/testing/direct_loop_store.h"

namespace virga::events::testing {

// Asynchronous calls on a store in memory, with the functions "hello" and "other", a clock that is turned by hand and
// an invoker that answers as it is told.
class AsyncWorld : public ::testing::Test {
 protected:
  AsyncWorld() {
    for (const auto* name : {"hello", "other"}) (void)tests.create(name);
    start();
  }
  ~AsyncWorld() override { stop(); }

  void start() {
    registry = std::make_unique<metrics::Registry>();
    targets = {};
    calls.emplace(AsyncCalls::Parts{*loop, store, *tests.catalog, invoker, system_random(), *registry, targets},
                  options);
    function_target.emplace(FunctionTarget::Parts{*tests.catalog, *calls, tests.clock, system_random()});
    targets.add(*function_target);
    calls->serve();
    settle();
  }
  void stop() {
    if (!calls) return;
    calls->close();
    io::run_until_done(*loop, calls->stop());
    function_target.reset();
    calls.reset();
  }
  // As after `kill -9`: nothing is told that it ends.
  void restart() {
    stop();
    start();
  }

  void settle() { dispatch::testing::settle(*loop); }
  void turn(std::chrono::milliseconds by) {
    tests.clock.turn(by);
    settle();
  }

  AcceptedCall make_call(const std::string& function = "hello", std::string payload = "{}") {
    AcceptedCall call;
    call.function = model::FunctionName(function);
    call.accepted = tests.clock.wall();
    call.invocation.id = model::RequestId(make_ordered_uuid(call.accepted));
    call.invocation.invoked_arn = "arn:aws:lambda:us-east-1:000000000000:function:" + function;
    call.invocation.payload = std::move(payload);
    call.invocation.kind = model::InvocationKind::Event;
    return call;
  }
  Result<model::RequestId> accept(AcceptedCall call) {
    std::optional<Result<model::RequestId>> accepted;
    io::run_until_done(*loop, keep(calls->accept(std::move(call)), accepted));
    settle();
    return *accepted;
  }
  model::RequestId accept(const std::string& function = "hello", std::string payload = "{}") {
    auto id = accept(make_call(function, std::move(payload)));
    EXPECT_TRUE(id) << id.error().message();
    return id.value_or(model::RequestId());
  }
  Result<AsyncCalls::Status> status(const model::RequestId& id) {
    std::optional<Result<AsyncCalls::Status>> found;
    io::run_until_done(*loop, keep(calls->status(id, io::Deadline::at({})), found));
    return *found;
  }
  History history(const model::RequestId& id) {
    auto found = status(id);
    EXPECT_TRUE(found) << found.error().message();
    return found ? found->history : History();
  }
  Result<> redrive(const model::RequestId& id) {
    std::optional<Result<>> done;
    io::run_until_done(*loop, keep(calls->redrive(id), done));
    settle();
    return *done;
  }
  void configure(const std::string& function, const InvokeConfig& config) {
    ASSERT_TRUE(tests.catalog->attach(model::FunctionName(function), {std::string(kInvokeConfigKind), "$LATEST"},
                                      config.encode()));
  }

  template <typename T>
  static io::Task<void> keep(io::Task<T> task, std::optional<T>& place) {
    place.emplace(co_await std::move(task));
  }

  catalog::testing::TestCatalog tests;
  std::unique_ptr<io::Loop> loop = io::Loop::create(tests.clock).value();
  store::testing::DirectLoopStore store{tests.store};
  dispatch::testing::FakeInvoker invoker;
  Targets targets;
  AsyncCalls::Options options;
  std::unique_ptr<metrics::Registry> registry;
  std::optional<AsyncCalls> calls;
  std::optional<FunctionTarget> function_target;
};

}  // namespace virga::events::testing
