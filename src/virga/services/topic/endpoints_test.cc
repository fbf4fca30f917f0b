#include "virga/services/topic/endpoints.h"

#include <gmock/gmock.h>

#include <deque>
#include <optional>

#include "virga/http/server.h"
#include "virga/io/network.h"
#include "virga/io/task_group.h"
#include "virga/store/testing/direct_loop_store.h"
#include "virga/store/testing/memory_store.h"

namespace virga::services {
namespace {

using ::testing::ElementsAre;

TEST(HttpUrl, IsReadOrRefused) {
  for (const auto* url :
       {"", "https://127.0.0.1/", "http://", "http://example.org/", "http://[::1", "http://127.0.0.1:x/",
        "http://127.0.0.1:99999/", "http://127.0.0.1/a b", "http://user@127.0.0.1/"}) {
    EXPECT_FALSE(parse_http_url(url)) << url;
  }
  auto place = parse_http_url("http://localhost:8080/a?b=c");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->address, "127.0.0.1");
  EXPECT_EQ(place->port, 8080);
  EXPECT_EQ(place->target, "/a?b=c");
  place = parse_http_url("http://[::1]?x");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->address, "::1");
  EXPECT_EQ(place->port, 80);
  EXPECT_EQ(place->target, "/?x");
}

TEST(EndpointsDelay, GrowsAsSnsSays) {
  std::chrono::seconds sum{};
  for (std::uint64_t tries = 1; tries < Endpoints::kMostTries; ++tries) {
    EXPECT_GE(Endpoints::delay_after(tries + 1), Endpoints::delay_after(tries));
    sum += Endpoints::delay_after(tries);
  }
  EXPECT_EQ(Endpoints::delay_after(3).count(), 0);
  EXPECT_EQ(Endpoints::delay_after(15).count(), 20);
  EXPECT_GT(sum, std::chrono::minutes(10));
  EXPECT_LT(sum, std::chrono::minutes(20));
}

// Answers with `statuses`, first to last, then with 200.
class Receiver final : public http::Handler {
 public:
  io::Task<http::Response> handle(const http::Request& request) override {
    bodies.emplace_back(request.body);
    int status = 200;
    if (!statuses.empty()) {
      status = statuses.front();
      statuses.pop_front();
    }
    co_return http::Response::make(status, "text/plain", "");
  }

  std::vector<std::string> bodies;
  std::deque<int> statuses;
};

// Its own loop on the true clock: posts go over true connections.
class EndpointsTest : public ::testing::Test {
 protected:
  EndpointsTest() {
    auto listener = io::Listener::listen(*loop, "127.0.0.1", 0);
    EXPECT_TRUE(listener);
    url = "http://127.0.0.1:" + std::to_string(listener->port()) + "/in";
    server.serve(std::move(*listener));
    start();
  }
  ~EndpointsTest() override {
    stop();
    io::run_until_done(*loop, server.stop(std::chrono::seconds(1)));
  }

  void start() {
    registry.emplace();
    endpoints.emplace(Endpoints::Parts{*loop, loop_store, targets, system_random(), *registry});
    EXPECT_TRUE(endpoints->load(store));
    endpoints->serve();
  }
  void stop() {
    endpoints->close();
    io::run_until_done(*loop, endpoints->stop());
    endpoints.reset();
  }
  void post(const std::string& body) {
    EndpointPost post;
    post.url = url;
    post.body = body;
    store::Batch batch;
    auto arrived = endpoints->add_to(batch, post);
    ASSERT_TRUE(store.commit(std::move(batch), store::Durability::Synced));
    arrived();
  }
  bool is_empty() { return store.scan({"topic/post/", "", 10, store::Order::Ascending})->empty(); }
  // Until nothing waits, at most some seconds.
  void settle() { io::run_until_done(*loop, wait_until_empty()); }
  io::Task<void> wait_until_empty() {
    for (int i = 0; i < 500 && !is_empty(); ++i) {
      co_await io::sleep_until(*loop, io::Deadline::in(*loop, std::chrono::milliseconds(10)));
    }
  }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  store::testing::MemoryStore store;
  store::testing::DirectLoopStore loop_store{store};
  std::optional<metrics::Registry> registry;
  events::Targets targets;
  Receiver receiver;
  http::Server server{*loop, receiver};
  std::string url;
  std::optional<Endpoints> endpoints;
};

TEST_F(EndpointsTest, TriesUntilAPostArrives) {
  receiver.statuses = {500, 429};
  post("a");
  settle();
  EXPECT_TRUE(is_empty());
  EXPECT_THAT(receiver.bodies, ElementsAre("a", "a", "a"));
}

TEST_F(EndpointsTest, ARefusalIsFinal) {
  receiver.statuses = {400};
  post("a");
  settle();
  EXPECT_TRUE(is_empty());
  EXPECT_THAT(receiver.bodies, ElementsAre("a"));
}

TEST_F(EndpointsTest, WhatWaitsGoesOnAfterARestart) {
  endpoints->close();  // takes posts, and begins none
  post("a");
  EXPECT_FALSE(is_empty());
  stop();
  start();
  settle();
  EXPECT_THAT(receiver.bodies, ElementsAre("a"));
}

}  // namespace
}  // namespace virga::services
