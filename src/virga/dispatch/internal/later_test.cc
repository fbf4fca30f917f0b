#include "virga/dispatch/internal/later.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/testing/fake_instances.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Answers with `answers`, then with success; remembers when it was asked.
class FakeInvoker final : public Invoker {
 public:
  explicit FakeInvoker(const Clock& clock) : clock_(clock) {}
  io::Task<Result<model::Outcome>> invoke(catalog::Resolved, model::Invocation invocation) override {
    asked.push_back(std::chrono::duration_cast<seconds>(clock_.steady().time_since_epoch()).count());
    ids.push_back(invocation.id.text());
    if (answers.empty()) co_return model::Outcome();
    auto answer = answers.front();
    answers.pop_front();
    co_return answer;
  }
  Result<> invoke_later(catalog::Resolved, model::Invocation) override { return {}; }
  io::Task<void> taken_over(catalog::VersionPointer) override { co_return; }
  io::Task<void> warm(catalog::VersionPointer, catalog::VersionPointer) override { co_return; }
  InstanceCounts instances() const override { return {}; }
  ProvisionedCounts provisioned(const model::Version&) const override { return {}; }

  std::deque<Result<model::Outcome>> answers;
  std::vector<std::int64_t> asked;  // seconds
  std::vector<std::string> ids;

 private:
  const Clock& clock_;
};

class LaterTest : public ::testing::Test {
 protected:
  ~LaterTest() override { io::run_until_done(*loop, later.stop()); }

  Result<> add() {
    catalog::Resolved target;
    auto version = std::make_shared<model::Version>();
    version->function = model::FunctionName("hello");
    target.version = version;
    model::Invocation invocation;
    invocation.id = model::RequestId("id");
    return later.add(target, invocation);
  }
  void turn(seconds by) {
    for (int i = 0; i < by.count(); ++i) {
      clock.turn(seconds(1));
      testing::settle(*loop);
    }
  }
  static Result<model::Outcome> failed() {
    model::Outcome outcome;
    outcome.fault = model::Fault::Reported;
    return outcome;
  }
  static Result<model::Outcome> refused() { return fail(ErrorCode::ResourceExhausted, "throttled"); }

  catalog::testing::HandClock clock;
  std::unique_ptr<io::Loop> loop = io::Loop::create(clock).value();
  FakeInvoker invoker{clock};
  Later later{*loop, invoker, 2};
};

TEST_F(LaterTest, RefusesMoreThanItKeeps) {
  invoker.answers = {failed(), failed()};
  EXPECT_TRUE(add());
  EXPECT_TRUE(add());
  auto refusal = add();
  ASSERT_FALSE(refusal);
  EXPECT_EQ(refusal.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_THAT(refusal.error().message(), HasSubstr("2 Event invocations wait already"));
}

TEST_F(LaterTest, RunsASuccessOnce) {
  ASSERT_TRUE(add());
  turn(seconds(600));
  EXPECT_EQ(invoker.asked, (std::vector<std::int64_t>{0}));
}

TEST_F(LaterTest, TriesAFailureThreeTimesWithTheSameId) {
  invoker.answers = {failed(), failed(), failed()};
  ASSERT_TRUE(add());
  turn(seconds(600));
  ASSERT_EQ(invoker.asked.size(), 3u);
  EXPECT_EQ(invoker.asked[0], 0);
  EXPECT_NEAR(static_cast<double>(invoker.asked[1]), 60, 1);
  EXPECT_NEAR(static_cast<double>(invoker.asked[2]), 180, 2);
  EXPECT_EQ(invoker.ids, (std::vector<std::string>{"id", "id", "id"}));
}

TEST_F(LaterTest, ARefusalIsNoAttempt) {
  invoker.answers = {refused(), refused(), refused(), failed(), failed(), failed()};
  ASSERT_TRUE(add());
  turn(seconds(600));
  ASSERT_EQ(invoker.asked.size(), 6u);
  EXPECT_NEAR(static_cast<double>(invoker.asked[3]), 1 + 2 + 4, 3);
}

TEST_F(LaterTest, StoppingGivesUpWhatWaits) {
  invoker.answers = {failed(), failed(), failed()};
  ASSERT_TRUE(add());
  io::run_until_done(*loop, later.stop());
  EXPECT_EQ(invoker.asked.size(), 1u);
}

}  // namespace
}  // namespace virga::dispatch
