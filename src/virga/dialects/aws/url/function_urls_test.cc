#include "virga/dialects/aws/url/function_urls.h"

#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"
#include "virga/dialects/testing/signed.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using dialects::testing::TestRequest;
using ::testing::HasSubstr;

std::string event_text(const model::Invocation& invocation) {
  std::string text;
  model::append_event(text, invocation);
  return text;
}

class FunctionUrlsTest : public ::testing::Test {
 protected:
  FunctionUrlsTest() { world_.create("f"); }

  void add_url(const std::string& body) {
    auto made = world_.send("POST", "/2021-10-31/functions/f/url", body);
    ASSERT_EQ(made.status, 201) << made.body;
  }
  FunctionUrls urls(WithoutUrl without = WithoutUrl::Refused) {
    return FunctionUrls(
        {*world_.tests.catalog, world_.invoker, world_.tests.clock, system_random(), LambdaWorld::account(),
         [this](const http::Request& request) -> std::optional<UrlCaller> {
           auto identity = verifier_.verify(request, sigv4_rules("lambda"));
           if (!identity) return std::nullopt;
           return UrlCaller{identity->access_key, "123456789012", "arn:aws:iam::123456789012:root", "AIDA"};
         },
         without});
  }
  http::Response call(std::string target, std::string path, TestRequest::Fields fields = {}, std::string method = "GET",
                      std::string_view service = "", WithoutUrl without = WithoutUrl::Refused) {
    FunctionUrls handler = urls(without);
    TestRequest request(std::move(method), "/fn/" + target + path, service, world_.tests.clock.wall(), "",
                        std::move(fields));
    http::Response response;
    io::run_until_done(*world_.loop, handle(handler, request.view(), target, path, response));
    return response;
  }
  static io::Task<void> handle(FunctionUrls& handler, const http::Request& request, std::string_view target,
                               std::string_view path, http::Response& response) {
    response = co_await handler.handle(request, target, path);
  }
  void answer(std::string payload, model::Fault fault = model::Fault::None) {
    model::Outcome outcome;
    outcome.payload = std::move(payload);
    outcome.fault = fault;
    world_.invoker.outcomes.push_back(std::move(outcome));
  }

  LambdaWorld world_;
  SigV4Verifier verifier_{dialects::testing::find_test_key, world_.tests.clock};
};

TEST_F(FunctionUrlsTest, AnswersForWhatIsNotThere) {
  for (std::string target : {"nope", "f", "f:live", "f%3Alive", "%", "00000000000000000000000000000000"}) {
    auto response = call(target, "/");
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_THAT(response.body, HasSubstr("create-function-url-config"));
  }
  EXPECT_TRUE(world_.invoker.invocations.empty());
}

TEST_F(FunctionUrlsTest, RefusesUnsignedCallsOfIamUrls) {
  add_url(R"({"AuthType":"AWS_IAM"})");
  auto refused = call("f", "/");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body, R"({"Message":"Forbidden"})");
  answer(R"({"statusCode":200})");
  EXPECT_EQ(call("f", "/", {}, "GET", "lambda").status, 200);
  ASSERT_EQ(world_.invoker.invocations.size(), 1u);
  EXPECT_THAT(event_text(world_.invoker.invocations[0]), HasSubstr(R"("accessKey":"AKID")"));
}

TEST_F(FunctionUrlsTest, TurnsEveryWayToFailIntoAStatus) {
  add_url(R"({"AuthType":"NONE"})");
  answer("{}", model::Fault::Reported);
  EXPECT_EQ(call("f", "/").status, 502);
  answer("{}", model::Fault::TimedOut);
  EXPECT_EQ(call("f", "/").status, 504);
  answer("no json");
  EXPECT_EQ(call("f", "/").status, 502);
  for (auto [code, status] : {std::pair(ErrorCode::ResourceExhausted, 429), std::pair(ErrorCode::Unavailable, 503),
                              std::pair(ErrorCode::Conflict, 503), std::pair(ErrorCode::Internal, 502)}) {
    world_.invoker.outcomes.push_back(fail(code, "why"));
    EXPECT_EQ(call("f", "/").status, status);
  }
}

TEST_F(FunctionUrlsTest, CallsTheFunctionWithItsOwnPath) {
  add_url(R"({"AuthType":"NONE"})");
  answer(R"({"statusCode":201,"headers":{"X-A":"b"},"body":"hi"})");
  auto response = call("f", "/a/b");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, "hi");
  EXPECT_EQ(response.field("X-A"), "b");
  const auto& invocation = world_.invoker.invocations.at(0);
  EXPECT_EQ(response.field("x-amzn-RequestId"), invocation.id.text());
  EXPECT_EQ(response.field("X-Amzn-Trace-Id"), invocation.trace_id);
  EXPECT_THAT(event_text(invocation), HasSubstr(R"("rawPath":"/a/b")"));
  EXPECT_EQ(invocation.invoked_arn, "arn:aws:lambda:eu-west-1:123456789012:function:f");
  auto id = world_.tests.catalog->function(model::FunctionName("f")).value()->urls.at(std::nullopt).id;
  EXPECT_EQ(call(id.text(), "/").status, 200);
}

TEST_F(FunctionUrlsTest, ReachesAliases) {
  world_.send("POST", "/2015-03-31/functions/f/versions", "{}");
  world_.send("POST", "/2015-03-31/functions/f/aliases", R"({"Name":"live","FunctionVersion":"1"})");
  auto made = world_.send("POST", "/2021-10-31/functions/f/url?Qualifier=live", R"({"AuthType":"NONE"})");
  EXPECT_EQ(made.text("FunctionUrl"), "http://127.0.0.1:4600/fn/f:live/");
  EXPECT_EQ(call("f%3Alive", "/").status, 200);
  EXPECT_EQ(world_.invoker.versions.at(0), "1");
  EXPECT_EQ(call("f", "/").status, 404);
}

TEST_F(FunctionUrlsTest, MayAnswerWithoutAConfiguration) {
  EXPECT_EQ(call("f", "", {}, "GET", "", WithoutUrl::Public).status, 200);
  EXPECT_THAT(event_text(world_.invoker.invocations.at(0)), HasSubstr(R"("apiId":"f")"));
  EXPECT_EQ(call("nope", "/", {}, "GET", "", WithoutUrl::Public).status, 404);
  EXPECT_EQ(call("f:nope", "/", {}, "GET", "", WithoutUrl::Public).status, 404);
}

TEST_F(FunctionUrlsTest, AnswersCrossOriginQuestionsItself) {
  add_url(
      R"({"AuthType":"AWS_IAM","Cors":{"AllowOrigins":["https://a.example"],"AllowMethods":["GET"],"AllowHeaders":["x-a"],)"
      R"("ExposeHeaders":["x-b"],"AllowCredentials":true,"MaxAge":60}})");
  TestRequest::Fields preflight = {{"Origin", "https://a.example"}, {"Access-Control-Request-Method", "GET"}};
  auto allowed = call("f", "/", preflight, "OPTIONS");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.field("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(allowed.field("Access-Control-Allow-Methods"), "GET");
  EXPECT_EQ(allowed.field("Access-Control-Max-Age"), "60");
  EXPECT_EQ(allowed.field("Access-Control-Allow-Credentials"), "true");
  preflight[0].second = "https://evil.example";
  EXPECT_EQ(call("f", "/", preflight, "OPTIONS").field("Access-Control-Allow-Origin"), "");
  EXPECT_TRUE(world_.invoker.invocations.empty());

  answer(R"({"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","x-b":"1"}})");
  auto response = call("f", "/", {{"Origin", "https://a.example"}}, "GET", "lambda");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Access-Control-Allow-Origin"), "https://a.example");
  EXPECT_EQ(response.field("Access-Control-Expose-Headers"), "x-b");
  EXPECT_EQ(response.field("x-b"), "1");
}

}  // namespace
}  // namespace virga::dialects::aws
