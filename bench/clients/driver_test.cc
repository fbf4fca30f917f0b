#include "bench/clients/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "bench/clients/repeat.h"
#include "bench/load/testing/scripted_server.h"

namespace virga::load {
namespace {

using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

class DriverTest : public ::testing::Test {
 protected:
  void serve(ScriptedServer::Script script) {
    auto server = ScriptedServer::start(std::move(script));
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    work_.target = parse_url(server_->url()).value();
    signer_.emplace(work_.target, "", "", "");
  }
  Result<Driven> run(std::vector<std::string> paths = {"/"}) {
    std::vector<Draft> drafts;
    for (auto& path : paths) {
      Draft draft;
      draft.method = "GET";
      draft.path = std::move(path);
      drafts.push_back(std::move(draft));
    }
    Prepared prepared(*signer_, std::move(drafts));
    return drive(work_, [&] { return std::make_unique<Repeat>(prepared); });
  }

  Drive work_;
  std::optional<Signer> signer_;
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(DriverTest, SendsAsManyAsItIsTold) {
  std::atomic<std::uint64_t> asked = 0;
  serve([&](std::uint64_t, const std::string&) { return ++asked, ScriptedServer::ok(); });
  work_.requests = 100;
  work_.connections = 7;
  auto driven = run();
  ASSERT_TRUE(driven) << driven.error().message();
  EXPECT_EQ(driven->requests, 100U);
  EXPECT_EQ(driven->done, 100U);
  EXPECT_EQ(driven->failed, 0U);
  EXPECT_EQ(driven->statuses[200], 100U);
  EXPECT_EQ(driven->latency.count(), 100U);
  EXPECT_EQ(asked, 100U);
}

TEST_F(DriverTest, AsksForItsPathsInTurn) {
  std::atomic<int> first = 0;
  serve([&](std::uint64_t, const std::string& request) {
    if (request.starts_with("GET /a ")) ++first;
    return ScriptedServer::ok();
  });
  work_.requests = 10;
  work_.connections = 1;
  ASSERT_TRUE(run({"/a", "/b"}));
  EXPECT_EQ(first, 5);
}

TEST_F(DriverTest, CountsRefusalsAndGoesOnOverANewConnection) {
  serve([](std::uint64_t number, const std::string&) {
    if (number % 2 == 1) return ScriptedServer::ok();
    return Reply{"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                 ScriptedServer::Then::Close};
  });
  work_.requests = 20;
  work_.connections = 1;
  auto driven = run();
  ASSERT_TRUE(driven) << driven.error().message();
  EXPECT_EQ(driven->requests, 20U);
  EXPECT_EQ(driven->failed, 10U);
  EXPECT_EQ(driven->done, 10U);
  EXPECT_EQ(driven->broken, 0U);
}

TEST_F(DriverTest, DropsBodiesThatNobodyWants) {
  serve([](std::uint64_t, const std::string&) {
    return Reply{"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + std::string(300'000, 'x')};
  });
  work_.requests = 20;
  work_.connections = 2;
  auto driven = run();
  ASSERT_TRUE(driven) << driven.error().message();
  EXPECT_EQ(driven->done, 20U);
}

TEST_F(DriverTest, GivesUpOnAServerThatIsSilent) {
  serve([](std::uint64_t, const std::string&) { return Reply{}; });
  work_.patience = std::chrono::milliseconds(50);
  work_.requests = 1;
  auto driven = run();
  ASSERT_FALSE(driven);
  EXPECT_EQ(driven.error().code(), ErrorCode::DeadlineExceeded);
}

}  // namespace
}  // namespace virga::load
