#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/http/server.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using testing::HalfClose;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;

// Takes bodies piece by piece: all of it, or as many pieces as it is told.
class StreamingHandler final : public Handler {
 public:
  io::Task<Response> handle(const Request& request) override {
    std::string line(request.method);
    line.append(" ").append(request.target).append(" ");
    std::string error;
    for (int i = 0; request.stream != nullptr && i < most_pieces; ++i) {
      auto piece = co_await request.stream->next();
      if (!piece) error = piece.error().message();
      if (!piece || piece->empty()) break;
      line += *piece;
      ++pieces;
    }
    requests.push_back(line);
    co_return Response::make(error.empty() ? 200 : 400, "text/plain", error.empty() ? line : error);
  }
  Admission admit(const Request&) override {
    Admission admission;
    admission.max_body = 1000;
    admission.body = Admission::Body::Streamed;
    return admission;
  }

  std::vector<std::string> requests;
  int most_pieces = 1000;
  int pieces = 0;
};

const std::string kPut = "PUT / HTTP/1.1\r\nHost: a\r\n";

TEST(StreamedBody, ComesWholeHoweverItArrives) {
  StreamingHandler handler;
  LoopbackServer server(handler);
  auto answer = server.talk(
      {kPut + "Content-Length: 10\r\n\r\n01234", "56", "789" + kPut + "Content-Length: 2\r\n\r\nab"}, HalfClose::Yes);
  EXPECT_EQ(answer.responses(), 2u);
  answer = server.talk(
      {kPut + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "4\r\ndefg\r", "\n0\r\n\r\n" + kPut + "\r\n"},
      HalfClose::Yes);
  EXPECT_EQ(answer.responses(), 2u);
  EXPECT_EQ(handler.requests, (std::vector<std::string>{"PUT / 0123456789", "PUT / ab", "PUT / abcdefg", "PUT / "}));
}

TEST(StreamedBody, OneThatIsNotReadEndsTheConnection) {
  StreamingHandler handler;
  handler.most_pieces = 0;
  LoopbackServer server(handler);
  auto answer = server.talk({kPut + "Content-Length: 100\r\n\r\nabc", kPut + "\r\n"}, HalfClose::No);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.responses(), 1u);
  EXPECT_TRUE(answer.closed);
  EXPECT_THAT(answer.bytes, HasSubstr("Connection: close"));
  // What is here already costs nothing to pass over.
  answer = server.talk({kPut + "Content-Length: 3\r\n\r\nabc" + kPut + "\r\n"}, HalfClose::Yes);
  EXPECT_EQ(answer.responses(), 2u);
}

TEST(StreamedBody, TheClientIsAskedToGoOnWhenItIsRead) {
  StreamingHandler handler;
  Limits limits;
  limits.body_grace = std::chrono::milliseconds(30);
  LoopbackServer server(handler, limits);
  auto head = kPut + "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  auto answer = server.talk({head}, HalfClose::No);
  EXPECT_THAT(answer.bytes, HasSubstr("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400"));
  handler.most_pieces = 0;
  answer = server.talk({head}, HalfClose::No);
  EXPECT_THAT(answer.bytes, Not(HasSubstr("100 Continue")));
  EXPECT_TRUE(answer.closed);
}

TEST(StreamedBody, BoundsAndFormAreHeld) {
  StreamingHandler handler;
  LoopbackServer server(handler);
  EXPECT_EQ(server.talk({kPut + "Content-Length: 1001\r\n\r\n"}, HalfClose::No).status(), 413);
  EXPECT_TRUE(handler.requests.empty());
  auto answer = server.talk({kPut + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"}, HalfClose::No);
  EXPECT_THAT(answer.bytes, HasSubstr("the body is too large"));
  EXPECT_TRUE(answer.closed);
  answer = server.talk({kPut + "Transfer-Encoding: chunked\r\n\r\n1\r\naX"}, HalfClose::No);
  EXPECT_THAT(answer.bytes, HasSubstr("a chunk ends without CR LF"));
  answer = server.talk({kPut + "Content-Length: 5\r\n\r\nabc"}, HalfClose::Yes);
  EXPECT_EQ(server.server().counters().body_too_large, 2u);
}

TEST(StreamedBody, TooSlowAClientIsTold) {
  StreamingHandler handler;
  Limits limits;
  limits.body_grace = std::chrono::milliseconds(30);
  LoopbackServer server(handler, limits);
  auto answer = server.talk({kPut + "Content-Length: 5\r\n\r\nabc"}, HalfClose::No);
  EXPECT_THAT(answer.bytes, HasSubstr("the body came too slowly"));
  EXPECT_TRUE(answer.closed);
}

}  // namespace
}  // namespace virga::http
