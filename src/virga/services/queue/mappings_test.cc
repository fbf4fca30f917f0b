#include "virga/services/queue/mappings.h"

#include <gmock/gmock.h>

#include "virga/services/queue/digest.h"
#include "virga/services/queue/internal/sqs_event.h"
#include "virga/services/queue/testing/queue_world.h"

namespace virga::services::queue {
namespace {

using dispatch::testing::FakeInvoker;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class MappingsTest : public testing::QueueWorld {
 protected:
  MappingsTest() { create("q"); }

  Mapping map(Mapping mapping = {}) {
    mapping.queue = "q";
    mapping.function = model::FunctionName("hello");
    auto created = wait(mappings->create(std::move(mapping)));
    EXPECT_TRUE(created) << created.error().message();
    settle();
    return created.value_or(Mapping());
  }
  std::size_t left() {
    auto counts = *queues->counts("q");
    return counts.ready + counts.out;
  }
};

TEST_F(MappingsTest, MessagesBecomeEventsAndAreDeleted) {
  auto mapping = map();
  send("q", R"({"order":7})");
  settle();
  ASSERT_THAT(invoker.invocations, SizeIs(1));
  EXPECT_EQ(invoker.functions[0], "hello");
  EXPECT_THAT(invoker.invocations[0].payload, HasSubstr(R"("body":"{\"order\":7}")"));
  EXPECT_THAT(invoker.invocations[0].payload, HasSubstr(R"("eventSource":"aws:sqs")"));
  EXPECT_EQ(left(), 0u);
  EXPECT_EQ(mappings->last_result(mapping.id), "OK");
  restart();
  send("q", "again");
  settle();
  EXPECT_THAT(invoker.invocations, SizeIs(2)) << "it goes on after a restart";
}

TEST_F(MappingsTest, WhatFailsIsSeenAgain) {
  map();
  invoker.outcomes = {FakeInvoker::failure()};
  send("q", "a");
  settle();
  EXPECT_EQ(left(), 1u);
  turn(seconds(29));
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  turn(seconds(2));
  EXPECT_THAT(invoker.invocations, SizeIs(2));
  EXPECT_EQ(left(), 0u);
}

TEST_F(MappingsTest, OnlyTheReportedMessagesAreSeenAgain) {
  Mapping mapping;
  mapping.reports_failures = true;
  std::vector<Queues::Sent> sent;
  for (const auto* body : {"a", "b", "c"}) sent.push_back(send("q", body));
  model::Outcome outcome;
  outcome.payload = R"({"batchItemFailures":[{"itemIdentifier":")" + sent[1].id + R"("}]})";
  invoker.outcomes = {outcome};
  map(mapping);
  EXPECT_EQ(left(), 1u);
  turn(seconds(31));
  EXPECT_EQ(left(), 0u);
  EXPECT_THAT(invoker.invocations.back().payload, HasSubstr(sent[1].id));
  EXPECT_THAT(invoker.invocations.back().payload, Not(HasSubstr(sent[0].id)));
}

TEST_F(MappingsTest, WhatFitsNoFilterIsDeleted) {
  Mapping wrong;
  wrong.queue = "q";
  wrong.function = model::FunctionName("hello");
  wrong.filters = {"{\"body\":7}"};
  EXPECT_EQ(wait(mappings->create(wrong)).error().code(), ErrorCode::InvalidArgument);
  Mapping mapping;
  mapping.filters = {R"({"body":{"kind":["good"]}})"};
  map(mapping);
  send("q", R"({"kind":"good"})");
  send("q", R"({"kind":"bad"})");
  send("q", "plain");
  settle();
  ASSERT_THAT(invoker.invocations, SizeIs(1));
  EXPECT_THAT(invoker.invocations[0].payload, HasSubstr("good"));
  EXPECT_EQ(left(), 0u);
}

TEST_F(MappingsTest, ABatchThatFindsNoRoomIsHeld) {
  map();
  invoker.outcomes = {FakeInvoker::refusal(), FakeInvoker::refusal()};
  send("q", "a");
  settle();
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  turn(milliseconds(150));
  turn(milliseconds(250));
  EXPECT_THAT(invoker.invocations, SizeIs(3));
  EXPECT_EQ(left(), 0u);
}

TEST_F(MappingsTest, AWindowGathersABatch) {
  Mapping mapping;
  mapping.window = seconds(5);
  mapping.batch_size = 3;
  map(mapping);
  send("q", "a");
  turn(seconds(2));
  send("q", "b");
  settle();
  EXPECT_THAT(invoker.invocations, IsEmpty());
  turn(seconds(4));
  ASSERT_THAT(invoker.invocations, SizeIs(1));
  EXPECT_THAT(invoker.invocations[0].payload, HasSubstr(R"("body":"b")"));
  for (const auto* body : {"c", "d", "e"}) send("q", body);
  settle();
  EXPECT_THAT(invoker.invocations, SizeIs(2)) << "a full batch does not wait";
}

TEST_F(MappingsTest, IsChangedDisabledAndRemoved) {
  auto mapping = map();
  auto twice = wait(mappings->create(mapping));
  EXPECT_EQ(twice.error().code(), ErrorCode::Conflict);
  mapping.is_enabled = false;
  ASSERT_TRUE(wait(mappings->change(mapping)));
  settle();
  send("q", "a");
  turn(seconds(25));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  restart();
  EXPECT_FALSE(mappings->find(mapping.id)->is_enabled);
  mapping.is_enabled = true;
  ASSERT_TRUE(wait(mappings->change(mapping)));
  settle();
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  ASSERT_TRUE(wait(mappings->remove(mapping.id)));
  settle();
  EXPECT_EQ(mappings->find(mapping.id).error().code(), ErrorCode::NotFound);
  send("q", "b");
  turn(seconds(25));
  EXPECT_THAT(invoker.invocations, SizeIs(1));
  EXPECT_EQ(left(), 1u);
}

TEST(SqsEvent, HasTheShapeOfLambdas) {
  Received received;
  received.message.id = "id";
  received.message.body = "hi";
  received.message.sender = "0";
  received.message.sent = WallTime(milliseconds(1000));
  received.message.attributes = {{"n", "Number", Attribute::Kind::Text, "7"},
                                 {"b", "Binary", Attribute::Kind::Binary, "\xff"}};
  received.message.group = "g";
  received.receipt = "r";
  received.receives = 2;
  received.number = 5;
  received.first_received = WallTime(milliseconds(2000));
  std::vector<Received> all = {received};
  EXPECT_EQ(
      internal::make_event(all, "arn:aws:sqs:eu-west-1:0:q"),
      R"({"Records":[{"messageId":"id","receiptHandle":"r","body":"hi","attributes":{"ApproximateReceiveCount":"2",)"
      R"("SentTimestamp":"1000","SequenceNumber":"00000000000000000005","MessageGroupId":"g","SenderId":"0",)"
      R"("ApproximateFirstReceiveTimestamp":"2000"},"messageAttributes":{"n":{"stringValue":"7",)"
      R"("stringListValues":[],"binaryListValues":[],"dataType":"Number"},"b":{"binaryValue":"/w==",)"
      R"("stringListValues":[],"binaryListValues":[],"dataType":"Binary"}},"md5OfBody":)"
      R"("49f68a5c8493ec2c0bf489821c21fc3b","md5OfMessageAttributes":")" +
          md5_of(received.message.attributes) +
          R"(","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:0:q",)"
          R"("awsRegion":"eu-west-1"}]})");
}

TEST(Failures, AreReadStrictly) {
  Received a;
  a.message.id = "a";
  std::vector<Received> batch = {a};
  struct Case {
    std::string_view answer;
    int failed;  // -1: all
  };
  for (const auto& c : {
           Case{"", 0},
           Case{"null", 0},
           Case{"{}", 0},
           Case{R"({"batchItemFailures":[]})", 0},
           Case{R"({"batchItemFailures":null})", 0},
           Case{R"({"batchItemFailures":[{"itemIdentifier":"a"}]})", 1},
           Case{R"({"batchItemFailures":[{"itemIdentifier":"b"}]})", -1},
           Case{R"({"batchItemFailures":[{"itemIdentifier":""}]})", -1},
           Case{R"({"batchItemFailures":[{"other":"a"}]})", -1},
           Case{R"({"batchItemFailures":["a"]})", -1},
           Case{"{", -1},
           Case{"no json", -1},
       }) {
    auto failed = internal::read_failures(c.answer, batch);
    EXPECT_EQ(failed ? static_cast<int>(failed->size()) : -1, c.failed) << c.answer;
  }
}

}  // namespace
}  // namespace virga::services::queue
