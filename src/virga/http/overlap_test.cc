#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "virga/http/server.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using ::testing::ElementsAre;
using testing::HalfClose;
using ::testing::HasSubstr;
using testing::LoopbackServer;

// Lets what lies under /together overlap. There `expected` requests are all begun before the first one ends, and the
// last one ends first.
class GatheringHandler final : public Handler {
 public:
  io::Task<Response> handle(const Request& request) override {
    std::string line(request.method);
    line.append(" ").append(request.target).append(" ").append(request.body);
    begun.push_back(line);
    if (request.path.starts_with("/together") && expected > 0) {
      auto& own = *ends.emplace_back(std::make_unique<io::Event>(request_loop()));
      if (ends.size() == expected) ends.back()->set();
      auto number = ends.size() - 1;
      auto waited = co_await own.wait();
      (void)waited;
      if (number > 0) ends[number - 1]->set();
    }
    ended.push_back(line);
    co_return Response::make(200, "text/plain", "[" + line + "]" + std::string(padding, '.'));
  }
  Admission admit(const Request& head) override {
    Admission admission;
    if (head.path.starts_with("/together")) admission.order = Admission::Order::MayOverlap;
    return admission;
  }
  io::Loop& request_loop() { return *loop; }

  io::Loop* loop = nullptr;
  std::size_t expected = 0;
  std::size_t padding = 0;
  std::vector<std::unique_ptr<io::Event>> ends;
  std::vector<std::string> begun;
  std::vector<std::string> ended;
};

std::string post(const std::string& target, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// What was answered, in its order.
std::vector<std::string> bodies(const testing::Answer& answer) {
  std::vector<std::string> found;
  for (auto at = answer.bytes.find('['); at != std::string::npos; at = answer.bytes.find('[', at + 1)) {
    found.push_back(answer.bytes.substr(at + 1, answer.bytes.find(']', at) - at - 1));
  }
  return found;
}

TEST(Overlap, IsAnsweredInOrderWhateverEndsFirst) {
  GatheringHandler handler;
  LoopbackServer server(handler);
  handler.loop = &server.loop();
  handler.expected = 3;
  auto answer =
      server.talk({post("/together/1", "a") + post("/together/2", "") + post("/together/3", "ccc")}, HalfClose::Yes);
  EXPECT_THAT(handler.begun, ElementsAre("POST /together/1 a", "POST /together/2 ", "POST /together/3 ccc"));
  EXPECT_THAT(handler.ended, ElementsAre("POST /together/3 ccc", "POST /together/2 ", "POST /together/1 a"));
  EXPECT_EQ(bodies(answer), handler.begun);
  EXPECT_TRUE(answer.closed);
}

TEST(Overlap, WaitsWhereARequestMustComeAlone) {
  GatheringHandler handler;
  LoopbackServer server(handler);
  handler.loop = &server.loop();
  handler.expected = 2;
  auto answer = server.talk({post("/together/1", "a") + post("/together/2", "b") + post("/alone", "c") +
                             "GET /other HTTP/1.1\r\nHost: a\r\n\r\n"},
                            HalfClose::Yes);
  EXPECT_THAT(handler.ended, ElementsAre("POST /together/2 b", "POST /together/1 a", "POST /alone c", "GET /other "));
  EXPECT_THAT(bodies(answer), ElementsAre("POST /together/1 a", "POST /together/2 b", "POST /alone c", "GET /other "));
}

TEST(Overlap, TakesWhatComesInPieces) {
  GatheringHandler handler;
  LoopbackServer server(handler);
  std::string all;
  std::vector<std::string> expected;
  for (int i = 0; i < 600; ++i) {
    auto number = std::to_string(i);
    all += post("/together/" + number, std::string(static_cast<std::size_t>(i % 90), 'x'));
    expected.push_back("POST /together/" + number + " " + std::string(static_cast<std::size_t>(i % 90), 'x'));
  }
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < all.size(); at += 1777) pieces.push_back(all.substr(at, 1777));
  EXPECT_EQ(bodies(server.talk(pieces, HalfClose::Yes)), expected);
  EXPECT_EQ(server.server().counters().requests, 600u);
}

TEST(Overlap, WritesMoreThanASocketTakes) {
  GatheringHandler handler;
  handler.padding = 64 << 10;
  LoopbackServer server(handler);
  std::string all;
  for (int i = 0; i < 200; ++i) all += post("/together/" + std::to_string(i), "x");
  auto answer = server.talk({all}, HalfClose::Yes);
  EXPECT_EQ(bodies(answer), handler.begun);
  EXPECT_EQ(answer.responses(), 200u);
}

TEST(Overlap, WhatIsRefusedIsAnsweredLast) {
  GatheringHandler handler;
  LoopbackServer server(handler);
  handler.loop = &server.loop();
  handler.expected = 2;
  auto answer = server.talk({post("/together/1", "a") + post("/together/2", "b") + "nonsense\r\n\r\n"});
  EXPECT_THAT(bodies(answer), ElementsAre("POST /together/1 a", "POST /together/2 b"));
  EXPECT_EQ(answer.responses(), 3u);
  EXPECT_THAT(answer.bytes.substr(answer.bytes.rfind("HTTP/1.1")), HasSubstr("400 Bad Request"));
  EXPECT_TRUE(answer.closed);
}

TEST(Overlap, ASingleRequestIsHandledWhereItLies) {
  GatheringHandler handler;
  LoopbackServer server(handler);
  auto answer =
      server.talk({post("/together", "a"), post("/together", "b")}, HalfClose::Yes, std::chrono::milliseconds(1));
  EXPECT_THAT(bodies(answer), ElementsAre("POST /together a", "POST /together b"));
}

}  // namespace
}  // namespace virga::http
