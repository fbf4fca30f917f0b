#include "virga/dialects/aws/sqs/wire.h"

#include <gmock/gmock.h>

namespace virga::dialects::aws::sqs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string parsed(std::string_view form) {
  auto result = parse_form(form);
  return result ? boost::json::serialize(result->parameters) : result.error().code;
}

boost::json::object object(std::string_view text) {
  return boost::json::parse(boost::json::string_view(text.data(), text.size())).get_object();
}

TEST(SqsForm, BecomesWhatTheJsonProtocolSays) {
  struct Case {
    std::string_view form;
    std::string_view json;
  };
  for (const auto& c : {
           Case{"", "{}"},
           Case{"QueueName=a%20b", R"({"QueueName":"a b"})"},
           Case{"Attribute.1.Name=A&Attribute.1.Value=1&Attribute.2.Name=B&Attribute.2.Value=2",
                R"({"Attributes":{"A":"1","B":"2"}})"},
           Case{"Attribute.Name=A&Attribute.Value=1", R"({"Attributes":{"A":"1"}})"},
           Case{"Tag.1.Key=k&Tag.1.Value=v", R"({"Tags":{"k":"v"}})"},
           Case{"AttributeName.1=All&AttributeName.10=C&AttributeName.2=B", R"({"AttributeNames":["All","B","C"]})"},
           Case{"DeleteMessageBatchRequestEntry.1.Id=x&DeleteMessageBatchRequestEntry.1.ReceiptHandle=r",
                R"({"Entries":[{"Id":"x","ReceiptHandle":"r"}]})"},
           Case{"MessageAttribute.1.Name=n&MessageAttribute.1.Value.StringValue=s&MessageAttribute.1.Value.DataType="
                "String",
                R"({"MessageAttributes":{"n":{"DataType":"String","StringValue":"s"}}})"},
           Case{"SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n&"
                "SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.BinaryValue=AA%3D%3D",
                R"({"Entries":[{"MessageAttributes":{"n":{"BinaryValue":"AA=="}}}]})"},
           Case{"a.b.c.d.e.f.g.h.i.j=1", "MalformedQueryString"},
       }) {
    EXPECT_EQ(parsed(c.form), c.json) << c.form;
  }
  EXPECT_EQ(parse_form("Action=SendMessage&Version=2012-11-05")->operation, "SendMessage");
}

TEST(SqsAnswer, IsXmlForThoseWhoSentAForm) {
  auto result = object(R"({"Messages":[{"Body":"<a>","Attributes":{"SenderId":"1"},
      "MessageAttributes":{"n":{"StringValue":"s","DataType":"String"}}}]})");
  auto response = render(Protocol::Query, "ReceiveMessage", true, result, "ID");
  EXPECT_THAT(response.body,
              HasSubstr("<ReceiveMessageResult><Message><Body>&lt;a&gt;</Body><Attribute><Name>SenderId</Name>"
                        "<Value>1</Value></Attribute><MessageAttribute><Name>n</Name><Value><StringValue>s"
                        "</StringValue><DataType>String</DataType></Value></MessageAttribute></Message>"
                        "</ReceiveMessageResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>"));
  auto batch = object(R"({"Successful":[{"Id":"a"}],"Failed":[{"Id":"b","SenderFault":true}]})");
  response = render(Protocol::Query, "DeleteMessageBatch", true, batch, "ID");
  EXPECT_THAT(response.body, HasSubstr("<DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>"
                                       "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault>"));
  EXPECT_THAT(render(Protocol::Query, "DeleteQueue", false, {}, "ID").body, Not(HasSubstr("Result")));
  response = render(Protocol::Json, "ReceiveMessage", true, result, "ID");
  EXPECT_EQ(object(response.body), result);
}

TEST(SqsRefusal, HasTheFormOfItsProtocol) {
  Refusal refusal{400, "AWS.SimpleQueueService.NonExistentQueue", "no", {}};
  auto json = render(Protocol::Json, refusal, "ID");
  EXPECT_EQ(json.body, R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"})");
  EXPECT_EQ(json.field("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender");
  auto xml = render(Protocol::Query, refusal, "ID");
  EXPECT_THAT(xml.body, HasSubstr("<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>"));
  EXPECT_EQ(json_type("AWS.SimpleQueueService.EmptyBatchRequest"), "com.amazonaws.sqs#EmptyBatchRequest");
  EXPECT_EQ(json_type("QueueAlreadyExists"), "com.amazonaws.sqs#QueueNameExists");
}

}  // namespace
}  // namespace virga::dialects::aws::sqs
