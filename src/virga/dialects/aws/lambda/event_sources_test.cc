#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kMappings = "/2015-03-31/event-source-mappings";

class EventSources : public ::testing::Test {
 protected:
  EventSources() {
    world_.create("f");
    world_.create("slow", R"(,"Timeout":60)");
    for (const auto* name : {"q", "q.fifo"}) io::run_until_done(*world_.loop, create(name));
  }
  io::Task<void> create(std::string name) {
    services::queue::Settings settings;
    settings.is_fifo = name.ends_with(".fifo");
    services::queue::Tags tags;
    auto created = co_await world_.queues->create(name, std::move(settings), std::move(tags));
    EXPECT_TRUE(created);
  }
  static std::string body(const std::string& queue, const std::string& function, const std::string& more = "") {
    return R"({"EventSourceArn":"arn:aws:sqs:eu-west-1:123456789012:)" + queue + R"(","FunctionName":")" + function +
           "\"" + more + "}";
  }
  LambdaWorld world_;
};

TEST_F(EventSources, RefusesWhatCannotBe) {
  struct Case {
    std::string body;
    std::string_view error;
  };
  for (const auto& c : {
           Case{R"({"FunctionName":"f"})", "InvalidParameterValueException"},
           Case{R"({"EventSourceArn":"arn:aws:kinesis:r:0:stream/s","FunctionName":"f"})",
                "InvalidParameterValueException"},
           Case{R"({"EventSourceArn":"arn:aws:sqs:r:0:q"})", "ValidationException"},
           Case{body("no", "f"), "InvalidParameterValueException"},
           Case{body("q", "no"), "ResourceNotFoundException"},
           Case{body("q", "slow"), "InvalidParameterValueException"},
           Case{body("q", "f", R"(,"BatchSize":0)"), "ValidationException"},
           Case{body("q", "f", R"(,"BatchSize":11)"), "InvalidParameterValueException"},
           Case{body("q.fifo", "f", R"(,"MaximumBatchingWindowInSeconds":1)"), "InvalidParameterValueException"},
           Case{body("q", "f", R"(,"ScalingConfig":{"MaximumConcurrency":1})"), "ValidationException"},
           Case{body("q", "f", R"(,"FunctionResponseTypes":["Other"])"), "ValidationException"},
           Case{body("q", "f", R"(,"FilterCriteria":{"Filters":[{"Pattern":"no"}]})"),
                "InvalidParameterValueException"},
       }) {
    EXPECT_EQ(world_.send("POST", kMappings, c.body).error_type, c.error) << c.body;
  }
  EXPECT_EQ(world_.send("GET", std::string(kMappings) + "/nope").error_type, "ResourceNotFoundException");
  EXPECT_EQ(world_.send("DELETE", std::string(kMappings) + "/nope").error_type, "ResourceNotFoundException");
}

TEST_F(EventSources, AreMadeChangedListedAndRemoved) {
  auto made =
      world_.send("POST", kMappings,
                  body("q", "f",
                       R"(,"FunctionResponseTypes":["ReportBatchItemFailures"],"ScalingConfig":)"
                       R"({"MaximumConcurrency":2},"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[1]}"}]})"));
  ASSERT_EQ(made.status, 202) << made.body;
  EXPECT_EQ(made.text("State"), "Enabled");
  EXPECT_EQ(made.text("BatchSize"), "10");
  EXPECT_EQ(made.text("FunctionArn"), "arn:aws:lambda:eu-west-1:123456789012:function:f");
  EXPECT_EQ(world_.send("POST", kMappings, body("q", "f")).error_type, "ResourceConflictException");
  auto path = std::string(kMappings) + "/" + made.text("UUID");
  auto changed = world_.send("PUT", path, R"({"Enabled":false,"BatchSize":5,"FilterCriteria":{}})");
  EXPECT_EQ(changed.status, 202) << changed.body;
  auto got = world_.send("GET", path);
  EXPECT_EQ(got.text("State"), "Disabled");
  EXPECT_EQ(got.text("BatchSize"), "5");
  EXPECT_EQ(got.text("FilterCriteria"), "(absent)");
  EXPECT_THAT(got.text("FunctionResponseTypes"), HasSubstr("ReportBatchItemFailures"));
  ASSERT_EQ(world_.send("POST", kMappings, body("q.fifo", "f")).status, 202);
  auto list = world_.send("GET", std::string(kMappings) + "?EventSourceArn=arn:aws:sqs:eu-west-1:123456789012:q");
  EXPECT_THAT(list.body, HasSubstr(made.text("UUID")));
  EXPECT_THAT(list.body, Not(HasSubstr("q.fifo")));
  auto page = world_.send("GET", std::string(kMappings) + "?FunctionName=f&MaxItems=1");
  EXPECT_NE(page.text("NextMarker"), "(absent)");
  EXPECT_EQ(world_.send("DELETE", path).text("State"), "Deleting");
  EXPECT_EQ(world_.send("GET", path).status, 404);
}

}  // namespace
}  // namespace virga::dialects::aws
