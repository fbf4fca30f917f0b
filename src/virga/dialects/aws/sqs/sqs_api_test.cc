#include "virga/dialects/aws/sqs/sqs_api.h"

#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using ::testing::HasSubstr;

class SqsApiTest : public ::testing::Test {
 protected:
  struct Reply {
    int status = 0;
    std::string body;
    std::string error;  // the code that both protocols share
    std::string text(const char* member) const {
      auto value = boost::json::parse(body);
      const auto* found = value.get_object().if_contains(member);
      if (found == nullptr) return "(absent)";
      return found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
    }
  };

  Reply json(std::string_view operation, std::string_view body) {
    auto target = "AmazonSQS." + std::string(operation);
    std::vector<http::Field> fields = {{"X-Amz-Target", target}, {"Host", "localhost:1"}};
    return send("/", fields, body);
  }
  Reply form(std::string_view path, std::string_view body) {
    std::vector<http::Field> fields = {{"Host", "localhost:1"}};
    return send(path, fields, body);
  }
  Reply send(std::string_view path, const std::vector<http::Field>& fields, std::string_view body) {
    http::Request request;
    request.method = "POST";
    request.target = path;
    request.path = path;
    request.fields = fields;
    request.body = body;
    Reply reply;
    io::run_until_done(*world_.loop, ask(request, reply));
    return reply;
  }
  io::Task<void> ask(const http::Request& request, Reply& reply) {
    auto response = co_await api_.answer(request, {}, "ID");
    reply.status = response.status;
    reply.error = response.field("x-amzn-query-error");
    reply.body = std::move(response.body);
  }
  void create(const std::string& name, const std::string& attributes = "{}") {
    auto made = json("CreateQueue", R"({"QueueName":")" + name + R"(","Attributes":)" + attributes + "}");
    ASSERT_EQ(made.status, 200) << made.body;
  }

  LambdaWorld world_;
  SqsApi api_{{*world_.queues, *world_.loop, LambdaWorld::account()}};
};

constexpr std::string_view kQueue = "http://localhost:1/123456789012/q";

TEST_F(SqsApiTest, RefusesWhatCannotBe) {
  create("q");
  create("f.fifo", R"({"FifoQueue":"true"})");
  const std::string q = R"("QueueUrl":")" + std::string(kQueue) + "\"";
  const std::string f = R"("QueueUrl":"http://localhost:1/123456789012/f.fifo")";
  struct Case {
    std::string_view operation;
    std::string body;
    std::string_view error;
  };
  for (const auto& c : {
           Case{"Fly", "{}", "InvalidAction;Sender"},
           Case{"AddPermission", "{}", "AWS.SimpleQueueService.UnsupportedOperation;Sender"},
           Case{"CreateQueue", R"({"QueueName":"a b"})", "InvalidParameterValue;Sender"},
           Case{"CreateQueue", R"({"QueueName":"x.fifo"})", "InvalidParameterValue;Sender"},
           Case{"CreateQueue", R"({"QueueName":"x","Attributes":{"FifoQueue":"true"}})",
                "InvalidParameterValue;Sender"},
           Case{"CreateQueue", R"({"QueueName":"x","Attributes":{"Colour":"red"}})", "InvalidAttributeName;Sender"},
           Case{"CreateQueue", R"({"QueueName":"x","Attributes":{"DelaySeconds":"901"}})",
                "InvalidAttributeValue;Sender"},
           Case{"CreateQueue", R"({"QueueName":"q","Attributes":{"DelaySeconds":"1"}})", "QueueAlreadyExists;Sender"},
           Case{"CreateQueue", R"({"QueueName":"x","Attributes":{"RedrivePolicy":"{}"}})",
                "InvalidParameterValue;Sender"},
           Case{"GetQueueUrl", R"({"QueueName":"no"})", "AWS.SimpleQueueService.NonExistentQueue;Sender"},
           Case{"SendMessage", "{" + q + "}", "MissingParameter;Sender"},
           Case{"SendMessage", "{" + q + R"(,"MessageBody":"\u0001"})", "InvalidMessageContents;Sender"},
           Case{"SendMessage", "{" + q + R"(,"MessageBody":"x","DelaySeconds":901})", "InvalidParameterValue;Sender"},
           Case{"SendMessage", "{" + q + R"(,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"Text"}}})",
                "InvalidParameterValue;Sender"},
           Case{"SendMessage", "{" + q + R"(,"MessageBody":")" + std::string((1 << 20) + 1, 'x') + "\"}",
                "InvalidParameterValue;Sender"},
           Case{"SendMessage", "{" + f + R"(,"MessageBody":"x"})", "MissingParameter;Sender"},
           Case{"SendMessage", "{" + f + R"(,"MessageBody":"x","MessageGroupId":"g"})", "InvalidParameterValue;Sender"},
           Case{"SendMessageBatch", "{" + q + R"(,"Entries":[]})", "AWS.SimpleQueueService.EmptyBatchRequest;Sender"},
           Case{"DeleteMessageBatch", "{" + q + R"(,"Entries":[{"Id":"a"},{"Id":"a"}]})",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct;Sender"},
           Case{"DeleteMessageBatch", "{" + q + R"(,"Entries":[{"Id":"a b"}]})",
                "AWS.SimpleQueueService.InvalidBatchEntryId;Sender"},
           Case{"ReceiveMessage", "{" + q + R"(,"MaxNumberOfMessages":11})", "InvalidParameterValue;Sender"},
           Case{"DeleteMessage", "{" + q + R"(,"ReceiptHandle":"nonsense"})", "ReceiptHandleIsInvalid;Sender"},
           Case{"StartMessageMoveTask", R"({"SourceArn":"arn:aws:sqs:r:0:no"})", "ResourceNotFoundException;Sender"},
           Case{"StartMessageMoveTask", R"({"SourceArn":"arn:aws:sqs:r:0:q"})", "InvalidParameterValue;Sender"},
       }) {
    EXPECT_EQ(json(c.operation, c.body).error, c.error) << c.operation << ' ' << c.body.substr(0, 200);
  }
}

TEST_F(SqsApiTest, AMessageGoesThroughBothProtocols) {
  create("q");
  const std::string url = R"({"QueueUrl":")" + std::string(kQueue) + "\"";
  auto sent = json("SendMessage", url + R"(,"MessageBody":"hello","MessageAttributes":{"n":{"DataType":"Number",)"
                                        R"("StringValue":"7"}}})");
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.text("MD5OfMessageBody"), "5d41402abc4b2a76b9719d911017c592");
  auto received = form("/123456789012/q",
                       "Action=ReceiveMessage&MessageAttributeName.1=All&AttributeName.1=All&VisibilityTimeout=0");
  EXPECT_THAT(received.body, HasSubstr("<Body>hello</Body>"));
  EXPECT_THAT(received.body, HasSubstr("<MD5OfMessageAttributes>" + sent.text("MD5OfMessageAttributes") + "<"));
  EXPECT_THAT(received.body, HasSubstr("<Name>ApproximateReceiveCount</Name><Value>1</Value>"));
  auto again = json("ReceiveMessage", url + "}");
  EXPECT_THAT(again.body, HasSubstr(R"("Body":"hello")"));
  EXPECT_THAT(again.body, ::testing::Not(HasSubstr("Attributes"))) << "nobody asked for them";
  EXPECT_EQ(json("ReceiveMessage", url + "}").body, "{}");
}

TEST_F(SqsApiTest, QueuesAreDescribedAndListed) {
  create("dead");
  create("q", R"({"VisibilityTimeout":"7","RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:r:0:dead\",)"
              R"(\"maxReceiveCount\":3}"})");
  EXPECT_EQ(json("CreateQueue", R"({"QueueName":"q"})").text("QueueUrl"), kQueue) << "again is no error";
  const std::string url = R"({"QueueUrl":")" + std::string(kQueue) + "\"";
  auto all = json("GetQueueAttributes", url + R"(,"AttributeNames":["All"]})");
  EXPECT_THAT(all.body, HasSubstr(R"("VisibilityTimeout":"7")"));
  EXPECT_THAT(all.body, HasSubstr(R"("QueueArn":"arn:aws:sqs:eu-west-1:123456789012:q")"));
  EXPECT_THAT(all.body, HasSubstr("maxReceiveCount"));
  auto changed = json("SetQueueAttributes", url + R"(,"Attributes":{"VisibilityTimeout":"8","RedrivePolicy":""}})");
  EXPECT_EQ(changed.body, "{}");
  auto one = json("GetQueueAttributes", url + R"(,"AttributeNames":["VisibilityTimeout","RedrivePolicy"]})");
  EXPECT_EQ(one.body, R"({"Attributes":{"VisibilityTimeout":"8"}})");
  EXPECT_EQ(json("TagQueue", url + R"(,"Tags":{"a":"1","b":"2"}})").status, 200);
  EXPECT_EQ(json("UntagQueue", url + R"(,"TagKeys":["a"]})").status, 200);
  EXPECT_EQ(json("ListQueueTags", url + "}").body, R"({"Tags":{"b":"2"}})");
  auto page = json("ListQueues", R"({"MaxResults":1})");
  EXPECT_THAT(page.text("QueueUrls"), HasSubstr("dead"));
  auto next = json("ListQueues", R"({"MaxResults":1,"NextToken":")" + page.text("NextToken") + "\"}");
  EXPECT_THAT(next.text("QueueUrls"), HasSubstr("/q"));
  EXPECT_EQ(json("DeleteQueue", url + "}").status, 200);
  EXPECT_THAT(form("/", "Action=ListQueues&Version=2012-11-05").body,
              HasSubstr("<QueueUrl>http://localhost:1/123456789012/dead</QueueUrl>"));
}

}  // namespace
}  // namespace virga::dialects::aws
