#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using ::testing::HasSubstr;

const std::string kInvoke = "/2015-03-31/functions/f/invocations";

class LambdaInvoke : public ::testing::Test {
 protected:
  LambdaInvoke() { world_.create("f"); }
  LambdaWorld world_;
};

TEST_F(LambdaInvoke, RefusesWhatItCannotRun) {
  struct Case {
    std::string target, body;
    LambdaWorld::Fields fields;
    int status;
    std::string type;
  };
  for (const Case& c :
       {Case{kInvoke, "not json", {}, 400, "InvalidRequestContentException"},
        Case{kInvoke, "{\"a\":\"\xff\"}", {}, 400, "InvalidRequestContentException"},
        Case{kInvoke, "{}", {{"X-Amz-Invocation-Type", "Later"}}, 400, "ValidationException"},
        Case{kInvoke, "{}", {{"X-Amz-Log-Type", "All"}}, 400, "ValidationException"},
        Case{kInvoke, "{}", {{"X-Amz-Client-Context", "!"}}, 400, "InvalidRequestContentException"},
        Case{kInvoke, "{}", {{"X-Amz-Client-Context", std::string(3584, 'A')}}, 400, "InvalidRequestContentException"},
        Case{kInvoke, "\"" + std::string(6291455, 'x') + "\"", {}, 413, "RequestTooLargeException"},
        Case{kInvoke,
             "\"" + std::string(1048575, 'x') + "\"",
             {{"X-Amz-Invocation-Type", "Event"}},
             413,
             "RequestTooLargeException"},
        Case{kInvoke + "?Qualifier=9", "{}", {}, 404, "ResourceNotFoundException"},
        Case{"/2015-03-31/functions/f%3A1/invocations?Qualifier=2", "{}", {}, 400, "InvalidParameterValueException"},
        Case{"/2015-03-31/functions/g/invocations", "{}", {}, 404, "ResourceNotFoundException"}}) {
    auto reply = world_.send("POST", c.target, c.body, c.fields);
    EXPECT_EQ(reply.status, c.status) << reply.body;
    EXPECT_EQ(reply.error_type, c.type) << reply.body;
  }
  EXPECT_TRUE(world_.invoker.invocations.empty());
}

TEST_F(LambdaInvoke, GivesTheAnswerAsItIs) {
  auto reply =
      world_.send("POST", kInvoke, "{\"a\": 1}",
                  {{"X-Amz-Log-Type", "Tail"}, {"X-Amz-Client-Context", "e30="}, {"X-Amzn-Trace-Id", "Root=1"}});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "{\"a\": 1}");
  EXPECT_EQ(reply.fields,
            "Content-Type: application/json\r\nX-Amz-Executed-Version: $LATEST\r\nX-Virga-Phases: "
            "queue=0,start=0,attach=0,boot=0,init=0,run=0\r\nX-Amz-Log-Result: U1RBUlQKRU5ECg==\r\n");
  const auto& invocation = world_.invoker.invocations.at(0);
  EXPECT_EQ(invocation.id.text(), "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(invocation.invoked_arn, "arn:aws:lambda:eu-west-1:123456789012:function:f");
  EXPECT_EQ(invocation.client_context, "{}");
  EXPECT_EQ(invocation.trace_id, "Root=1");
  EXPECT_EQ(world_.send("POST", kInvoke).body, "{}");
}

TEST_F(LambdaInvoke, FollowsQualifiers) {
  world_.send("POST", "/2015-03-31/functions/f/versions", "{}");
  world_.send("POST", "/2015-03-31/functions/f/aliases", R"({"Name":"live","FunctionVersion":"1"})");
  for (std::string target :
       {"/2015-03-31/functions/f:live/invocations", "/2015-03-31/functions/f/invocations?Qualifier=live",
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3Alive/invocations"}) {
    auto reply = world_.send("POST", target, "{}");
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_NE(reply.fields.find("X-Amz-Executed-Version: 1\r\n"), std::string::npos);
    EXPECT_TRUE(world_.invoker.invocations.back().invoked_arn.ends_with(":function:f:live"));
  }
}

TEST_F(LambdaInvoke, TellsFunctionErrorsAndThrottlesApart) {
  model::Outcome failed;
  failed.fault = model::Fault::Reported;
  failed.payload = R"({"errorType":"E"})";
  world_.invoker.outcomes.push_back(failed);
  auto reply = world_.send("POST", kInvoke, "{}");
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.fields.find("X-Amz-Function-Error: Unhandled\r\n"), std::string::npos);
  EXPECT_EQ(reply.body, R"({"errorType":"E"})");

  world_.invoker.outcomes.push_back(fail(
      ErrorCode::ResourceExhausted, "ConcurrentInvocationLimitExceeded: 1000 calls run at once; try again in 7 s"));
  reply = world_.send("POST", kInvoke, "{}");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.error_type, "TooManyRequestsException");
  EXPECT_EQ(reply.text("Reason"), "ConcurrentInvocationLimitExceeded");
  EXPECT_EQ(reply.message(), "Rate Exceeded. 1000 calls run at once; try again in 7 s");
  EXPECT_NE(reply.fields.find("Retry-After: 7\r\n"), std::string::npos);
  EXPECT_EQ(reply.text("retryAfterSeconds"), "7");

  world_.invoker.outcomes.push_back(fail(ErrorCode::Conflict, "The function is Pending."));
  EXPECT_EQ(world_.send("POST", kInvoke, "{}").error_type, "ResourceConflictException");
  world_.invoker.outcomes.push_back(fail(ErrorCode::Unavailable, "stopping"));
  EXPECT_EQ(world_.send("POST", kInvoke, "{}").status, 503);
}

TEST_F(LambdaInvoke, AcceptsEventsAndDryRuns) {
  auto reply = world_.send("POST", kInvoke, "[1]", {{"X-Amz-Invocation-Type", "Event"}});
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.body, "");
  EXPECT_THAT(reply.fields, HasSubstr("X-Virga-Invocation: 11111111-2222-3333-4444-555555555555"));
  EXPECT_EQ(world_.send("POST", "/2014-11-13/functions/f/invoke-async/", "{}").body, "{\"Status\":202}");
  world_.tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "The disk is full."));
  EXPECT_EQ(world_.send("POST", kInvoke, "{}", {{"X-Amz-Invocation-Type", "Event"}}).status, 429);
  EXPECT_EQ(world_.send("POST", kInvoke, "{}", {{"X-Amz-Invocation-Type", "DryRun"}}).status, 204);
  EXPECT_TRUE(world_.invoker.invocations.empty());
}

TEST_F(LambdaInvoke, ARepeatOfAnIdempotencyKeyIsNotRunAgain) {
  world_.calls.serve();
  LambdaWorld::Fields key = {{"Idempotency-Key", "k"}, {"X-Amz-Log-Type", "Tail"}};
  auto first = world_.send("POST", kInvoke, "[1]", key);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "[1]");
  EXPECT_THAT(first.fields, HasSubstr("X-Amz-Log-Result: "));
  auto again = world_.send("POST", kInvoke, "[2]", key);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, "[1]") << "what came of the first";
  EXPECT_EQ(world_.invoker.invocations.size(), 1u);
  world_.invoker.outcomes.push_back(dispatch::testing::FakeInvoker::failure());
  world_.request_id.back() = '6';
  auto failed = world_.send("POST", kInvoke, "[3]", {{"Idempotency-Key", "other"}});
  EXPECT_EQ(failed.status, 200);
  EXPECT_THAT(failed.fields, HasSubstr("X-Amz-Function-Error: Unhandled"));
  EXPECT_THAT(failed.body, HasSubstr("errorMessage"));
  EXPECT_EQ(world_.invoker.invocations.size(), 2u) << "no retries where somebody waits";
  world_.calls.close();
  io::run_until_done(*world_.loop, world_.calls.stop());
}

}  // namespace
}  // namespace virga::dialects::aws
