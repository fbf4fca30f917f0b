#include "virga/dialects/virga/virga_api.h"

#include <gmock/gmock.h>

#include "virga/dialects/testing/lambda_world.h"
#include "virga/dialects/testing/signed.h"

namespace virga::dialects {
namespace {

using dialects::testing::LambdaWorld;
using dialects::testing::TestRequest;
using ::testing::HasSubstr;

class VirgaApiTest : public ::testing::Test {
 protected:
  VirgaApiTest() { world_.create("f"); }

  http::Response send(std::string target, std::string_view service = "virga", std::string method = "GET") {
    TestRequest request(std::move(method), std::move(target), service, world_.tests.clock.wall());
    http::Response response;
    io::run_until_done(*world_.loop, send_view(request.view(), response));
    return response;
  }
  io::Task<void> send_view(const http::Request& request, http::Response& response) {
    response = co_await api_.handle(request);
  }
  void log(std::string text) {
    ledger::LogRecord record;
    record.id = model::RequestId("id-1");
    record.text = std::move(text);
    record.report.duration = std::chrono::microseconds(1500);
    logs_.append(model::FunctionName("f"), record);
  }

  LambdaWorld world_;
  ledger::Logs logs_{*world_.loop};
  aws::SigV4Verifier verifier_{dialects::testing::find_test_key, world_.tests.clock};
  events::Scheduler scheduler_{{*world_.loop, world_.loop_store, world_.registry}};
  events::Bus bus_{{*world_.loop, world_.loop_store, scheduler_, world_.targets, system_random(), world_.registry, {}}};
  VirgaApi api_{
      {verifier_, *world_.tests.catalog, world_.invoker, world_.calls, bus_, scheduler_, logs_, *world_.loop, "1.2.3"}};
};

TEST_F(VirgaApiTest, RefusesWhatItCannotAnswer) {
  EXPECT_EQ(send("/_virga/v1/status", "").status, 403);
  EXPECT_EQ(send("/_virga/v1/status", "lambda").status, 403);
  EXPECT_EQ(send("/_virga/v1/nothing").status, 404);
  EXPECT_EQ(send("/_virga/v1/functions/logs").status, 404);
  EXPECT_EQ(send("/_virga/v1/functions//logs").status, 404);
  EXPECT_EQ(send("/_virga/v1/functions/nope/logs").status, 404);
  EXPECT_EQ(send("/_virga/v1/functions/f/logs?after=x").status, 400);
  EXPECT_EQ(send("/_virga/v1/functions/f/logs?limit=0").status, 400);
  EXPECT_EQ(send("/_virga/v1/status", "virga", "POST").status, 405);
}

TEST_F(VirgaApiTest, TellsItsStatus) {
  EXPECT_EQ(send("/_virga/v1/status").body,
            R"({"version":"1.2.3","uptime_seconds":0,"functions":1,"instances":{"starting":1,"idle":2,"busy":3}})");
}

TEST_F(VirgaApiTest, GivesLogsAsLines) {
  log("one\n");
  log("two\n");
  EXPECT_EQ(send("/_virga/v1/functions/f/logs?limit=1").body,
            R"({"sequence":1,"time":"1970-01-01T00:00:00.000Z","request_id":"id-1","version":"$LATEST","text":"one\n",)"
            R"("complete":true,"report":{"duration_ms":1.5,"init_ms":0,"memory_mb":0,"max_memory_mb":0,"status":""}})"
            "\n");
  EXPECT_THAT(send("/_virga/v1/functions/f/logs?after=1").body, HasSubstr("\"sequence\":2"));
  EXPECT_EQ(send("/_virga/v1/functions/f/logs?after=2").body, "");
}

io::Task<void> follow(http::BodySource& source, std::string& first, std::string& second, bool& ended) {
  auto piece = co_await source.next();
  first = piece ? *piece : "error";
  piece = co_await source.next();
  second = piece ? *piece : "error";
  source.cancel();
  piece = co_await source.next();
  ended = piece && piece->empty();
}

TEST_F(VirgaApiTest, FollowsALogUntilThePeerIsGone) {
  log("one\n");
  auto response = send("/_virga/v1/functions/f/logs?follow=1");
  ASSERT_NE(response.stream, nullptr);
  world_.loop->post([this] { log("two\n"); });
  std::string first, second;
  bool ended = false;
  io::run_until_done(*world_.loop, follow(*response.stream, first, second, ended));
  EXPECT_THAT(first, HasSubstr("\"text\":\"one\\n\""));
  EXPECT_THAT(first + second, HasSubstr("\"text\":\"two\\n\""));
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace virga::dialects
