#include "bench/load/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "bench/load/testing/scripted_server.h"

namespace virga::load {
namespace {

using namespace std::chrono_literals;
using Reply = ScriptedServer::Reply;

// Bounds of time are wide: the machine may be busy. What is counted is exact.
class Generator : public testing::Test {
 protected:
  void serve(ScriptedServer::Script script) {
    auto server = ScriptedServer::start(std::move(script));
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
  }

  Work work(double rate, std::chrono::nanoseconds length, unsigned connections) {
    Work work;
    work.target = parse_url(server_->url()).value();
    work.requests = {make_request(work.target, "/", {}).value()};
    work.plan = {.rate = rate, .length = length};
    work.connections = connections;
    work.timeout = 20s;
    return work;
  }

  static Results must_run(const Work& work) {
    auto results = run(work);
    EXPECT_TRUE(results) << results.error().message();
    return results.value_or(Results{});
  }

  static void expect_all_accounted(const Results& results) {
    EXPECT_EQ(results.scheduled, results.succeeded + results.refused + results.broken + results.timed_out +
                                     results.malformed + results.unsent);
  }

  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(Generator, SendsWhatThePlanHoldsAndNoMore) {
  std::atomic<std::uint64_t> asked = 0;
  serve([&](std::uint64_t, const std::string&) { return ++asked, ScriptedServer::ok(); });
  auto results = must_run(work(2000, 200ms, 8));
  EXPECT_EQ(results.scheduled, 400U);
  EXPECT_EQ(results.succeeded, 400U);
  EXPECT_EQ(results.statuses[200], 400U);
  EXPECT_EQ(asked, 400U);
  EXPECT_EQ(results.latency.count(), 400U);
  EXPECT_EQ(results.lag.count(), 400U);
  EXPECT_GT(results.cpu.count(), 0);
}

TEST_F(Generator, CountsTheWaitThatAStallCausesForThoseBehindIt) {
  // A closed loop would see one slow answer. The schedule goes on during the stall, and each request of it waited.
  serve([](std::uint64_t number, const std::string&) {
    if (number == 10) std::this_thread::sleep_for(300ms);
    return ScriptedServer::ok();
  });
  auto results = must_run(work(500, 400ms, 1));
  EXPECT_EQ(results.succeeded, 200U);
  EXPECT_GE(results.latency.max(), 290'000'000U);
  // At least 150 came during the stall, evenly: half of those waited for more than 150 ms.
  EXPECT_GE(results.latency.quantile(0.65), 140'000'000U);
  EXPECT_GT(results.waited, 100U);
  EXPECT_GT(results.longest_queue, 100U);
}

TEST_F(Generator, TellsRefusalsFromSuccess) {
  serve([](std::uint64_t number, const std::string&) -> Reply {
    if (number % 4 == 0) return {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"};
    return ScriptedServer::ok();
  });
  auto results = must_run(work(1000, 100ms, 2));
  EXPECT_EQ(results.scheduled, 100U);
  EXPECT_EQ(results.refused, 25U);
  EXPECT_EQ(results.statuses[429], 25U);
  EXPECT_EQ(results.succeeded, 75U);
  EXPECT_EQ(results.latency.count(), 75U);
  EXPECT_DOUBLE_EQ(results.success_ratio(), 0.75);
}

TEST_F(Generator, ConnectsAgainAfterTheServerClosed) {
  serve([](std::uint64_t number, const std::string&) -> Reply {
    if (number == 5) return {"", ScriptedServer::Then::Close};  // instead of an answer
    if (number == 10)
      return {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", ScriptedServer::Then::Close};
    return ScriptedServer::ok();
  });
  auto results = must_run(work(1000, 100ms, 1));
  EXPECT_EQ(results.broken, 1U);
  EXPECT_EQ(results.succeeded, 99U);
  EXPECT_EQ(results.reconnects, 2U);
  expect_all_accounted(results);
}

TEST_F(Generator, GivesUpAfterTheTimeout) {
  serve([](std::uint64_t number, const std::string&) { return number == 0 ? Reply{} : ScriptedServer::ok(); });
  auto plan = work(100, 100ms, 1);
  plan.timeout = 200ms;
  auto results = must_run(plan);
  EXPECT_EQ(results.timed_out, 1U);
  EXPECT_EQ(results.scheduled, 10U);
  expect_all_accounted(results);
}

TEST_F(Generator, CountsWhatFoundNoConnectionAsUnsent) {
  serve([](std::uint64_t, const std::string&) { return Reply{}; });
  auto plan = work(100, 100ms, 1);
  plan.timeout = 150ms;
  auto results = must_run(plan);
  EXPECT_EQ(results.succeeded, 0U);
  EXPECT_GE(results.timed_out, 1U);
  EXPECT_GE(results.unsent, 1U);
  expect_all_accounted(results);
}

TEST_F(Generator, CountsAnswersItDoesNotUnderstand) {
  serve([](std::uint64_t, const std::string&) { return Reply{"220 smtp.example.com ESMTP\r\n\r\n"}; });
  auto results = must_run(work(100, 50ms, 1));
  EXPECT_EQ(results.malformed, 5U);
}

TEST_F(Generator, LeavesTheRampOutOfTheFigures) {
  serve([](std::uint64_t, const std::string&) { return ScriptedServer::ok(); });
  auto plan = work(1000, 100ms, 4);
  plan.plan.ramp = 100ms;
  auto results = must_run(plan);
  EXPECT_NEAR(static_cast<double>(results.ramp_requests), 50, 1);
  EXPECT_EQ(results.scheduled, 100U);
  EXPECT_EQ(results.latency.count(), 100U);
}

TEST_F(Generator, ABurstSendsEachRequestOnce) {
  std::mutex mutex;
  std::vector<std::string> asked;
  serve([&](std::uint64_t, const std::string& request) {
    std::lock_guard lock(mutex);
    asked.push_back(request.substr(0, request.find(" HTTP")));
    return ScriptedServer::ok();
  });
  auto plan = work(0, 0s, 100);
  plan.requests.clear();
  std::vector<std::string> expected;
  for (int number = 100; number < 200; ++number) {
    expected.push_back("GET /" + std::to_string(number));
    plan.requests.push_back(make_request(plan.target, "/" + std::to_string(number), {}).value());
  }
  plan.plan = {.at_once = 100};
  auto results = must_run(plan);
  EXPECT_EQ(results.succeeded, 100U);
  EXPECT_EQ(results.waited, 0U);
  std::ranges::sort(asked);
  EXPECT_EQ(asked, expected);
}

TEST_F(Generator, SharesTheWorkBetweenThreads) {
  serve([](std::uint64_t, const std::string&) { return ScriptedServer::ok(); });
  auto plan = work(1000, 100ms, 3);
  plan.cores = {0, 0};
  auto results = must_run(plan);
  EXPECT_EQ(results.scheduled, 100U);
  EXPECT_EQ(results.succeeded, 100U);
}

TEST_F(Generator, SaysThatNobodyListens) {
  serve([](std::uint64_t, const std::string&) { return ScriptedServer::ok(); });
  auto plan = work(100, 50ms, 2);
  server_.reset();
  auto results = run(plan);
  ASSERT_FALSE(results);
  EXPECT_NE(results.error().message().find("connect"), std::string::npos);
}

}  // namespace
}  // namespace virga::load
