#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/testing/fake_instances.h"
#include "virga/dispatch/testing/fake_invoker.h"
#include "virga/io/task_group.h"
#include "virga/services/queue/mappings.h"
#include "virga/services/queue/queues.h"
#include "virga/store/testing/direct_loop_store.h"

namespace virga::services::queue::testing {

// Queues on a store in memory, with a clock that is turned by hand.
class QueueWorld : public ::testing::Test {
 protected:
  QueueWorld() {
    for (const auto* name : {"hello", "other"}) (void)tests.create(name);
    start();
  }
  ~QueueWorld() override { stop(); }

  void start() {
    registry = std::make_unique<metrics::Registry>();
    auto opened = Queues::open({*loop, store, system_random(), *registry, kArns}, options, tests.store);
    ASSERT_TRUE(opened) << opened.error().message();
    queues = std::move(*opened);
    auto mapped = Mappings::open(
        {*loop, store, *queues, *tests.catalog, invoker, system_random(), *registry, "arn:aws:lambda:r:0:function:"},
        tests.store);
    ASSERT_TRUE(mapped) << mapped.error().message();
    mappings = std::move(*mapped);
    queues->serve();
    mappings->serve();
    settle();
  }
  void stop() {
    if (!queues) return;
    mappings->close();
    io::run_until_done(*loop, mappings->stop());
    queues->close();
    io::run_until_done(*loop, queues->stop());
    mappings.reset();
    queues.reset();
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

  template <typename T>
  T wait(io::Task<T> task) {
    std::optional<T> value;
    io::run_until_done(*loop, keep(std::move(task), value));
    return std::move(*value);
  }

  void create(const std::string& name, Settings settings = {}) {
    settings.is_fifo = name.ends_with(kFifoSuffix);
    auto created = wait(queues->create(name, std::move(settings), {}));
    ASSERT_TRUE(created) << created.error().message();
  }
  static Queues::Outgoing message(std::string body, std::string group = "", std::string deduplication = "") {
    Queues::Outgoing outgoing;
    outgoing.message.body = std::move(body);
    outgoing.message.group = std::move(group);
    outgoing.message.deduplication = std::move(deduplication);
    return outgoing;
  }
  Result<std::vector<Queues::Sent>> send_all(const std::string& name, std::vector<Queues::Outgoing> messages) {
    return wait(queues->send(name, std::move(messages)));
  }
  Queues::Sent send(const std::string& name, Queues::Outgoing outgoing) {
    auto sent = send_all(name, {std::move(outgoing)});
    EXPECT_TRUE(sent) << sent.error().message();
    return sent ? sent->front() : Queues::Sent();
  }
  Queues::Sent send(const std::string& name, std::string body) { return send(name, message(std::move(body))); }
  std::vector<Received> receive(const std::string& name, std::size_t most = 10) {
    Queues::Wanted wanted;
    wanted.most = most;
    auto received = wait(queues->receive(name, wanted, queues->make_listener()));
    EXPECT_TRUE(received) << received.error().message();
    settle();
    return received ? std::move(*received) : std::vector<Received>();
  }
  std::vector<std::string> bodies(const std::string& name, std::size_t most = 10) {
    std::vector<std::string> bodies;
    for (const auto& one : receive(name, most)) bodies.push_back(one.message.body);
    return bodies;
  }
  Result<> erase(const std::string& name, const std::string& receipt) {
    auto erased = wait(queues->erase(name, {receipt}));
    if (!erased) return std::unexpected(erased.error());
    settle();
    return erased->front();
  }
  Result<> hide(const std::string& name, const std::string& receipt, std::chrono::seconds time) {
    auto hidden = wait(queues->hide(name, {{receipt, time}}));
    if (!hidden) return std::unexpected(hidden.error());
    settle();
    return hidden->front();
  }
  std::size_t records(std::string_view prefix) {
    return tests.store.scan({std::string(prefix), "", 1'000'000, store::Order::Ascending})->size();
  }

  static constexpr const char* kArns = "arn:aws:sqs:us-east-1:000000000000:";
  catalog::testing::TestCatalog tests;
  std::unique_ptr<io::Loop> loop = io::Loop::create(tests.clock).value();
  store::testing::DirectLoopStore store{tests.store};
  dispatch::testing::FakeInvoker invoker;
  Queues::Options options;
  std::unique_ptr<metrics::Registry> registry;
  std::unique_ptr<Queues> queues;
  std::unique_ptr<Mappings> mappings;

 private:
  template <typename T>
  static io::Task<void> keep(io::Task<T> task, std::optional<T>& place) {
    place.emplace(co_await std::move(task));
  }
};

}  // namespace virga::services::queue::testing
