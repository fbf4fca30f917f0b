#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using ::testing::HasSubstr;

constexpr std::string_view kConfig = "/2019-09-25/functions/f/event-invoke-config";

class EventConfig : public ::testing::Test {
 protected:
  EventConfig() { world_.create("f"); }
  LambdaWorld world_;
};

TEST_F(EventConfig, RefusesWhatCannotBe) {
  struct Case {
    std::string_view body;
    std::string_view error;
  };
  for (const auto& c : {
           Case{R"({"MaximumRetryAttempts":3})", "ValidationException"},
           Case{R"({"MaximumEventAgeInSeconds":59})", "ValidationException"},
           Case{R"({"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:lambda:r:0:function:nowhere"}}})",
                "InvalidParameterValueException"},
           Case{R"({"DestinationConfig":{"OnSuccess":{"Destination":"somewhere"}}})", "InvalidParameterValueException"},
       }) {
    EXPECT_EQ(world_.send("PUT", kConfig, c.body).error_type, c.error) << c.body;
  }
  EXPECT_EQ(world_.send("GET", kConfig).error_type, "ResourceNotFoundException");
  EXPECT_EQ(world_.send("POST", kConfig, "{}").error_type, "ResourceNotFoundException");
  EXPECT_EQ(world_.send("DELETE", kConfig).error_type, "ResourceNotFoundException");
  EXPECT_EQ(world_.send("GET", "/2019-09-25/functions/nope/event-invoke-config").status, 404);
}

TEST_F(EventConfig, PutReplacesAndUpdateAdds) {
  auto put = world_.send("PUT", kConfig,
                         R"({"MaximumRetryAttempts":0,"DestinationConfig":{"OnFailure":{"Destination":)"
                         R"("arn:aws:lambda:eu-west-1:123456789012:function:f"}}})");
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.text("MaximumRetryAttempts"), "0");
  EXPECT_EQ(put.text("FunctionArn"), "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST");
  auto updated = world_.send("POST", kConfig, R"({"MaximumEventAgeInSeconds":60})");
  EXPECT_EQ(updated.text("MaximumRetryAttempts"), "0");
  EXPECT_EQ(updated.text("MaximumEventAgeInSeconds"), "60");
  EXPECT_THAT(updated.text("DestinationConfig"), HasSubstr("function:f"));
  auto replaced = world_.send("PUT", kConfig, "{}");
  EXPECT_EQ(replaced.text("MaximumRetryAttempts"), "(absent)");
  EXPECT_EQ(replaced.text("DestinationConfig"), R"({"OnSuccess":{},"OnFailure":{}})");
}

TEST_F(EventConfig, BelongsToAQualifierAndIsListed) {
  ASSERT_EQ(world_.send("POST", "/2015-03-31/functions/f/versions", "{}").status, 201);
  EXPECT_EQ(world_.send("PUT", std::string(kConfig) + "?Qualifier=1", "{}").status, 200);
  EXPECT_EQ(world_.send("PUT", kConfig, "{}").status, 200);
  auto list = world_.send("GET", std::string(kConfig) + "/list?MaxItems=1");
  EXPECT_THAT(list.text("FunctionEventInvokeConfigs"), HasSubstr("f:$LATEST"));
  auto next = world_.send("GET", std::string(kConfig) + "/list?Marker=" + list.text("NextMarker"));
  EXPECT_THAT(next.text("FunctionEventInvokeConfigs"), HasSubstr("f:1"));
  EXPECT_EQ(next.text("NextMarker"), "(absent)");
  EXPECT_EQ(world_.send("DELETE", kConfig).status, 204);
  EXPECT_EQ(world_.send("GET", kConfig).status, 404);
}

}  // namespace
}  // namespace virga::dialects::aws
