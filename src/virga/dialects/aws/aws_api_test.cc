#include "virga/dialects/aws/aws_api.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "virga/dialects/aws/sts/sts_api.h"
#include "virga/dialects/testing/lambda_world.h"
#include "virga/dialects/testing/signed.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using dialects::testing::TestRequest;
using ::testing::HasSubstr;

class AwsApiTest : public ::testing::Test {
 protected:
  http::Response send(std::string method, std::string target, std::string_view service, std::string body = {},
                      TestRequest::Fields fields = {}) {
    TestRequest request(std::move(method), std::move(target), service, world_.tests.clock.wall(), std::move(body),
                        std::move(fields));
    http::Response response;
    io::run_until_done(*world_.loop, send_view(request.view(), response));
    EXPECT_EQ(response.field("x-amzn-RequestId").size(), 36u);
    return response;
  }
  io::Task<void> send_view(const http::Request& request, http::Response& response) {
    response = co_await api_.handle(request);
  }

  LambdaWorld world_;
  SigV4Verifier verifier_{dialects::testing::find_test_key, world_.tests.clock};
  StsApi sts_{LambdaWorld::account()};
  AwsApi api_{{verifier_, {&world_.api, &sts_}, world_.tests.clock, system_random(), world_.registry}};
};

TEST_F(AwsApiTest, RefusesWhoIsNotProven) {
  auto unsigned_response = send("GET", "/2015-03-31/functions", "");
  EXPECT_EQ(unsigned_response.status, 403);
  EXPECT_EQ(unsigned_response.field("x-amzn-ErrorType"), "MissingAuthenticationTokenException");
  TestRequest request("GET", "/2015-03-31/functions", "lambda", world_.tests.clock.wall());
  http::Request changed = request.view();
  changed.path = "/2015-03-31/functions/other";
  http::Response response;
  io::run_until_done(*world_.loop, send_view(changed, response));
  EXPECT_EQ(response.status, 403);
  world_.tests.clock.turn(std::chrono::minutes(10));
  io::run_until_done(*world_.loop, send_view(request.view(), response));
  EXPECT_EQ(response.status, 403);
}

TEST_F(AwsApiTest, NamesServicesItDoesNotHave) {
  auto response = send("POST", "/", "dynamodb", "{}");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("'dynamodb'"));
}

TEST_F(AwsApiTest, HandsRequestsToTheServiceOfTheirScope) {
  EXPECT_EQ(send("GET", "/2015-03-31/functions", "lambda").body, "{\"Functions\":[]}");
  TestRequest::Fields form = {{"Content-Type", "application/x-www-form-urlencoded"}};
  auto post = send("POST", "/", "sts", "Action=GetCallerIdentity&Version=2011-06-15", form);
  EXPECT_EQ(post.status, 200);
  EXPECT_THAT(post.body, HasSubstr("<Arn>arn:aws:iam::123456789012:root</Arn>"));
  EXPECT_EQ(send("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "sts").status, 200);
  auto other = send("POST", "/", "sts", "Action=AssumeRole", form);
  EXPECT_EQ(other.status, 400);
  EXPECT_THAT(other.body, HasSubstr("<Code>InvalidAction</Code>"));
  auto figures = world_.registry.expose();
  auto line = [](std::string_view service, std::string_view operation, std::string_view outcome) {
    return fmt::format("virga_aws_requests_total{{service=\"{}\",operation=\"{}\",outcome=\"{}\"}}", service, operation,
                       outcome);
  };
  EXPECT_THAT(figures, HasSubstr(line("lambda", "ListFunctions", "ok") + " 1"));
  EXPECT_THAT(figures, HasSubstr(line("sts", "GetCallerIdentity", "ok") + " 2"));
  EXPECT_THAT(figures, HasSubstr(line("sts", "unknown", "refused") + " 1"));
}

TEST_F(AwsApiTest, BoundsBodiesByOperation) {
  auto now = world_.tests.clock.wall();
  EXPECT_EQ(api_.body_limit(TestRequest("POST", "/2015-03-31/functions", "", now).view()), 65536u);
  EXPECT_GT(api_.body_limit(TestRequest("POST", "/2015-03-31/functions/", "lambda", now).view()), 70'000'000u);
  EXPECT_GT(api_.body_limit(TestRequest("POST", "/2015-03-31/functions/f/invocations", "lambda", now).view()),
            6291456u);
  EXPECT_EQ(api_.body_limit(TestRequest("PUT", "/2015-03-31/functions/f/configuration", "lambda", now).view()),
            1u << 20);
  auto admission = api_.admit(
      TestRequest("PUT", "/2015-03-31/functions/f/configuration", "lambda", now, "", {{"Content-Length", "2000000"}})
          .view());
  ASSERT_TRUE(admission.refusal);
  EXPECT_EQ(admission.refusal->status, 413);
}

}  // namespace
}  // namespace virga::dialects::aws
