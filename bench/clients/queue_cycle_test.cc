#include "bench/clients/queue_cycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virga::load {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TextsOf, FindsThemWithTheirEscapes) {
  EXPECT_THAT(texts_of(R"({"A": "1", "B":[{"A":"x\"y"},{"A" :"","AA":"no"}], "C":"A"})", "A"),
              ElementsAre("1", R"(x\"y)", ""));
  EXPECT_THAT(texts_of(R"({"A":1,"A")", "A"), ElementsAre());
  EXPECT_THAT(texts_of(R"({"A":"cut)", "A"), ElementsAre());
}

class QueueCycleTest : public ::testing::Test {
 protected:
  QueueCycle make(std::size_t batch) {
    QueueCycle::Options options;
    options.url = "http://127.0.0.1:1/000000000000/q";
    options.batch = batch;
    options.bytes = 3;
    return {signer, options};
  }
  static std::string operation(const Conversation::Request& request) {
    auto at = request.head.find("AmazonSQS.");
    return std::string(request.head.substr(at, request.head.find('\r', at) - at));
  }

  Target target = parse_url("http://127.0.0.1:1/").value();
  Signer signer{target, "sqs", "key", "secret"};
};

TEST_F(QueueCycleTest, SendsReceivesAndDeletes) {
  auto cycle = make(1);
  auto request = cycle.next();
  EXPECT_EQ(operation(request), "AmazonSQS.SendMessage");
  EXPECT_EQ(request.body, R"({"QueueUrl":"http://127.0.0.1:1/000000000000/q","MessageBody":"xxx"})");
  EXPECT_TRUE(cycle.take(200, "{}"));
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.ReceiveMessage");
  EXPECT_TRUE(cycle.take(200, R"({"Messages":[{"ReceiptHandle":"r1"}]})"));
  request = cycle.next();
  EXPECT_EQ(operation(request), "AmazonSQS.DeleteMessage");
  EXPECT_THAT(std::string(request.body), HasSubstr(R"("ReceiptHandle":"r1")"));
  EXPECT_EQ(cycle.done(), 0U);
  EXPECT_TRUE(cycle.take(200, "{}"));
  EXPECT_EQ(cycle.done(), 1U);
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.SendMessage");
}

TEST_F(QueueCycleTest, AsksAgainWhereOthersWereFaster) {
  auto cycle = make(1);
  cycle.next();
  cycle.take(200, "{}");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(operation(cycle.next()), "AmazonSQS.ReceiveMessage");
    EXPECT_TRUE(cycle.take(200, "{}"));
  }
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.ReceiveMessage");
}

TEST_F(QueueCycleTest, DeletesAsManyAsItSent) {
  auto cycle = make(3);
  auto request = cycle.next();
  EXPECT_EQ(operation(request), "AmazonSQS.SendMessageBatch");
  EXPECT_THAT(texts_of(request.body, "Id"), ElementsAre("0", "1", "2"));
  cycle.take(200, "{}");
  cycle.next();
  cycle.take(200, R"({"Messages":[{"ReceiptHandle":"a"},{"ReceiptHandle":"b"}]})");
  request = cycle.next();
  EXPECT_EQ(operation(request), "AmazonSQS.DeleteMessageBatch");
  EXPECT_THAT(texts_of(request.body, "ReceiptHandle"), ElementsAre("a", "b"));
  cycle.take(200, R"({"Successful":[]})");
  EXPECT_EQ(cycle.done(), 2U);
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.ReceiveMessage");
  cycle.take(200, R"({"Messages":[{"ReceiptHandle":"c"}]})");
  cycle.next();
  cycle.take(200, "{}");
  EXPECT_EQ(cycle.done(), 3U);
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.SendMessageBatch");
}

TEST_F(QueueCycleTest, AnEntryThatFailedIsAFailure) {
  auto cycle = make(2);
  cycle.next();
  EXPECT_FALSE(cycle.take(200, R"({"Failed":[{"Id":"0","Code":"InternalFailure"}]})"));
  EXPECT_FALSE(cycle.take(503, "{}"));
  EXPECT_EQ(operation(cycle.next()), "AmazonSQS.SendMessageBatch");
}

}  // namespace
}  // namespace virga::load
