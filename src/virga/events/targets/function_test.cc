#include "virga/events/targets/function.h"

#include <gmock/gmock.h>

#include "virga/events/testing/async_world.h"

namespace virga::events {
namespace {

class FunctionTargetTest : public testing::AsyncWorld {};

TEST_F(FunctionTargetTest, KnowsArnsOfFunctions) {
  for (const auto* other : {"", "hello", "arn:aws:sqs:us-east-1:000000000000:hello", "arn:aws:lambda:r:0:layer:l:1",
                            "arn:aws:lambda:r:function:hello"}) {
    EXPECT_FALSE(function_target->takes(other)) << other;
  }
  EXPECT_TRUE(function_target->takes("arn:aws:lambda:r:0:function:hello"));
  EXPECT_TRUE(function_target->check("arn:aws:lambda:r:0:function:hello:$LATEST"));
  EXPECT_FALSE(function_target->check("arn:aws:lambda:r:0:function:hello:7"));
  EXPECT_FALSE(function_target->check("arn:aws:lambda:r:0:function:nowhere"));
}

TEST_F(FunctionTargetTest, AParcelArrivesOnceItsBatchIsWritten) {
  store::Batch batch;
  auto arrived = function_target->send("arn:aws:lambda:r:0:function:other", {.body = "[1]"}, batch);
  ASSERT_TRUE(arrived);
  settle();
  EXPECT_TRUE(invoker.invocations.empty());
  ASSERT_TRUE(tests.store.commit(std::move(batch), store::Durability::Synced));
  (*arrived)();
  settle();
  ASSERT_EQ(invoker.invocations.size(), 1u);
  EXPECT_EQ(invoker.invocations[0].payload, "[1]");
  EXPECT_EQ(invoker.functions[0], "other");
}

}  // namespace
}  // namespace virga::events
