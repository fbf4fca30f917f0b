#include "virga/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "virga/http/client.h"
#include "virga/http/testing/recording_handler.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using testing::Answer;
using ::testing::EndsWith;
using testing::HalfClose;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using testing::RecordingHandler;
using ::testing::StartsWith;
using Milliseconds = std::chrono::milliseconds;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

struct Scenario {
  std::string name;
  std::string bytes;
  int status;
  std::vector<std::string> requests;  // handed to the handler
};

TEST(Server, HoldsItsLimits) {
  auto fields = [](int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += "F" + std::to_string(i) + ": v\r\n";
    return all;
  };
  auto lengthy = [](std::size_t size) { return "GET /" + std::string(size, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"; };
  const std::vector<Scenario> table = {
      {"request line too long", lengthy(8192), 414, {}},
      {"request line too long and never ended", "GET /" + std::string(9000, 'x'), 414, {}},
      {"one value too long", "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(17000, 'x') + "\r\n\r\n", 431, {}},
      {"header too long and never ended", "GET / HTTP/1.1\r\nHost: a\r\nA: " + std::string(17000, 'x'), 431, {}},
      {"too many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + fields(100) + "\r\n", 431, {}},
      {"body longer than allowed", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n", 413, {}},
      {"chunk longer than allowed", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n", 413, {}},
      {"chunks longer than allowed",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\nb\r\n",
       413,
       {}},
      {"a trailer without end",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(17000, 'x'),
       431,
       {}},
      {"a refused body that waits for 100 Continue",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\nExpect: 100-continue\r\n\r\n",
       413,
       {}},
      {"an expectation that nobody knows", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 200\r\n\r\n", 200, {"GET / "}},
      {"no expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", 200, {"GET / "}},
      {"the longest request line", lengthy(8192 - 14), 200, {"GET /" + std::string(8192 - 14, 'x') + " "}},
      {"the most fields", "GET / HTTP/1.1\r\nHost: a\r\n" + fields(99) + "\r\n", 200, {"GET / "}},
      {"the longest body",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n01234567890123456789",
       200,
       {"POST / 01234567890123456789"}},
  };
  for (const auto& row : table) {
    RecordingHandler handler;
    handler.max_body = 20;
    LoopbackServer server(handler);
    auto answer = server.talk({row.bytes}, row.status == 200 ? HalfClose::Yes : HalfClose::No);
    EXPECT_EQ(answer.status(), row.status) << row.name << "\n" << answer.bytes;
    EXPECT_EQ(answer.responses(), 1u) << row.name;
    EXPECT_EQ(handler.requests, row.requests) << row.name;
    EXPECT_TRUE(answer.closed) << row.name;
    EXPECT_THAT(answer.bytes, Not(HasSubstr("100 Continue"))) << row.name;
  }
}

TEST(Server, CountsWhatItRefused) {
  RecordingHandler handler;
  handler.max_body = 1;
  LoopbackServer server(handler);
  server.talk({"x\n"});
  server.talk({"GET /" + std::string(9000, 'x')});
  server.talk({"GET / HTTP/1.1\r\nA: " + std::string(17000, 'x')});
  server.talk({"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"});
  server.talk({kGet}, HalfClose::Yes);
  const auto& counters = server.server().counters();
  EXPECT_EQ(counters.malformed, 1u);
  EXPECT_EQ(counters.uri_too_long, 1u);
  EXPECT_EQ(counters.header_too_large, 1u);
  EXPECT_EQ(counters.body_too_large, 1u);
  EXPECT_EQ(counters.requests, 1u);
  EXPECT_EQ(counters.accepted, 5u);
}

struct Slow {
  std::string name;
  std::vector<std::string> pieces;
  int status;  // 0: closed without a word
};

TEST(Server, EndsSlowClients) {
  Limits limits;
  limits.header_time = limits.body_grace = Milliseconds(40);
  limits.idle = Milliseconds(80);
  const std::vector<Slow> table = {
      {"a client that says nothing", {}, 0},
      {"a header that does not end", {"GET / HT"}, 408},
      {"a header that drips",
       {"G", "E", "T", " ", "/", " ", "H", "T", "T", "P", "/", "1", ".", "1", "\r", "\n", "A", ":", "x"},
       408},
      {"a body that stops", {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234"}, 408},
      {"chunks that stop", {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12"}, 408},
      {"a second header that does not end", {kGet + "GET / HT"}, 200},
  };
  for (const auto& row : table) {
    RecordingHandler handler;
    LoopbackServer server(handler, limits);
    auto answer = server.talk(row.pieces, HalfClose::No, Milliseconds(15));
    EXPECT_EQ(answer.status(), row.status) << row.name << "\n" << answer.bytes;
    EXPECT_TRUE(answer.closed) << row.name;
  }
}

TEST(Server, ASteadyBodyMayTakeLongerThanTheGrace) {
  Limits limits;
  limits.body_grace = Milliseconds(100);
  limits.body_bytes_per_second = 1000;
  RecordingHandler handler;
  LoopbackServer server(handler, limits);
  std::vector<std::string> pieces{"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n"};
  for (int i = 0; i < 10; ++i) pieces.emplace_back(60, 'x');
  auto answer = server.talk(pieces, HalfClose::Yes, Milliseconds(20));
  EXPECT_EQ(answer.status(), 200) << answer.bytes;
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  RecordingHandler handler;
  LoopbackServer server(handler);
  std::string bytes;
  for (int i = 0; i < 500; ++i) {
    bytes += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  }
  auto answer = server.talk({bytes}, HalfClose::Yes);
  EXPECT_EQ(answer.responses(), 500u);
  ASSERT_EQ(handler.requests.size(), 500u);
  std::size_t at = 0;
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(handler.requests[static_cast<std::size_t>(i)], "POST /" + std::to_string(i) + " abc");
    at = answer.bytes.find("\r\n\r\nPOST /" + std::to_string(i) + " abc", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(Server, KeepsOrClosesAsTheRequestSays) {
  struct Row {
    std::string head;
    bool keeps;
  };
  for (const auto& row : std::vector<Row>{{"GET / HTTP/1.1\r\nHost: a\r\n", true},
                                          {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false},
                                          {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n", false},
                                          {"GET / HTTP/1.0\r\n", false},
                                          {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true}}) {
    RecordingHandler handler;
    LoopbackServer server(handler);
    auto answer = server.talk({row.head + "\r\n" + kGet}, HalfClose::Yes);
    EXPECT_EQ(answer.responses(), row.keeps ? 2u : 1u) << row.head;
    EXPECT_EQ(answer.bytes.find("Connection: close") == std::string::npos, row.keeps) << row.head;
  }
}

TEST(Server, ClosesBehindTheLastRequestOfAConnection) {
  Limits limits;
  limits.requests_per_connection = 3;
  RecordingHandler handler;
  LoopbackServer server(handler, limits);
  auto answer = server.talk({kGet + kGet + kGet + kGet});
  EXPECT_EQ(answer.responses(), 3u);
  EXPECT_TRUE(answer.closed);
}

TEST(Server, SendsContinueOnlyToAClientThatWaits) {
  RecordingHandler handler;
  LoopbackServer server(handler);
  const std::string head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  auto waiting = server.talk({head, "hi"}, HalfClose::Yes, Milliseconds(20));
  EXPECT_THAT(waiting.bytes, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
  auto hasty = server.talk({head + "hi"}, HalfClose::Yes);
  EXPECT_THAT(hasty.bytes, StartsWith("HTTP/1.1 200 OK\r\n"));
  auto old = server.talk({"PUT / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", "hi"}, HalfClose::Yes,
                         Milliseconds(20));
  EXPECT_THAT(old.bytes, StartsWith("HTTP/1.1 200 OK\r\n"));
  auto none = server.talk({"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"}, HalfClose::Yes);
  EXPECT_THAT(none.bytes, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(Server, CarriesLargeBodiesBothWays) {
  RecordingHandler handler;
  LoopbackServer server(handler);
  std::string body(3 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); i += 1009) body[i] = static_cast<char>('a' + i % 26);
  auto plain = server.talk(
      {"PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + kGet},
      HalfClose::Yes);
  EXPECT_EQ(plain.responses(), 2u);
  ASSERT_EQ(handler.requests.size(), 2u);
  EXPECT_TRUE(handler.requests[0] == "PUT /p " + body);
  EXPECT_NE(plain.bytes.find("\r\n\r\nPUT /p " + body), std::string::npos);

  std::string chunks = "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += 65536) chunks += "10000\r\n" + body.substr(at, 65536) + "\r\n";
  auto chunked = server.talk({chunks + "0\r\n\r\n" + kGet}, HalfClose::Yes);
  EXPECT_EQ(chunked.responses(), 2u);
  ASSERT_EQ(handler.requests.size(), 4u);
  EXPECT_TRUE(handler.requests[2] == "PUT /c " + body);
}

// Waits until the peer is gone.
class Hanging : public Handler {
 public:
  explicit Hanging(io::Loop*& loop) : loop_(loop) {}
  io::Task<Response> handle(const Request& request) override {
    started = true;
    io::Event gone(*loop_);
    request.on_peer_gone([&gone] { gone.set(); });
    auto waited = co_await gone.wait(io::Deadline::in(*loop_, std::chrono::seconds(8)));
    noticed = waited.has_value() && request.peer_gone();
    co_return Response::make(200, "text/plain", "late");
  }
  bool started = false;
  bool noticed = false;

 private:
  io::Loop*& loop_;
};

io::Task<void> leave(io::Loop& loop, std::uint16_t port, const bool& started, const bool& noticed) {
  auto deadline = io::Deadline::in(loop, std::chrono::seconds(8));
  {
    auto stream = (co_await io::connect(loop, "127.0.0.1", port, deadline)).value();
    EXPECT_TRUE(co_await stream.write(kGet));
    while (!started) co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(5)));
  }
  while (!noticed && loop.now() < deadline.time()) {
    co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(5)));
  }
}

TEST(Server, TellsAHandlerThatItsPeerHasGone) {
  io::Loop* loop = nullptr;
  Hanging handler(loop);
  LoopbackServer server(handler);
  loop = &server.loop();
  server.run(leave(*loop, server.port(), handler.started, handler.noticed));
  EXPECT_TRUE(handler.noticed);
}

// Takes as long as the test says.
class Gated : public Handler {
 public:
  explicit Gated(io::Loop*& loop) : loop_(loop) {}
  io::Task<Response> handle(const Request&) override {
    ++started;
    co_await io::sleep_until(*loop_, io::Deadline::in(*loop_, time));
    co_return Response::make(200, "text/plain", "done");
  }
  int started = 0;
  Milliseconds time{60};

 private:
  io::Loop*& loop_;
};

io::Task<void> stop_in_flight(LoopbackServer& server, Gated& handler, Milliseconds grace, Answer& busy, Answer& idle) {
  auto& loop = server.loop();
  io::TaskGroup group(loop);
  group.add(testing::exchange(loop, server.port(), {}, HalfClose::No, Milliseconds(0), idle));
  group.add(testing::exchange(loop, server.port(), {kGet + kGet}, HalfClose::No, Milliseconds(0), busy));
  while (handler.started == 0) co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(5)));
  co_await server.server().stop(grace);
  EXPECT_EQ(server.server().counters().open, 0u);
  EXPECT_TRUE(co_await group.join());
  auto refused = co_await io::connect(loop, "127.0.0.1", server.port(), io::Deadline::in(loop, Milliseconds(500)));
  EXPECT_FALSE(refused);
}

TEST(Server, StopLetsARequestInFlightEnd) {
  io::Loop* loop = nullptr;
  Gated handler(loop);
  LoopbackServer server(handler);
  loop = &server.loop();
  Answer busy;
  Answer idle;
  server.run(stop_in_flight(server, handler, std::chrono::seconds(5), busy, idle));
  EXPECT_EQ(busy.responses(), 1u);
  EXPECT_THAT(busy.bytes, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(busy.bytes, EndsWith("done"));
  EXPECT_TRUE(busy.closed);
  EXPECT_TRUE(idle.closed);
  EXPECT_EQ(idle.bytes, "");
  EXPECT_EQ(handler.started, 1);
}

TEST(Server, StopCutsWhatTakesLongerThanTheGrace) {
  io::Loop* loop = nullptr;
  Gated handler(loop);
  LoopbackServer server(handler);
  loop = &server.loop();
  Answer busy;
  Answer idle;
  server.run(stop_in_flight(server, handler, Milliseconds(10), busy, idle));
  EXPECT_EQ(busy.bytes, "");
}

io::Task<void> open_three(LoopbackServer& server, std::vector<io::Stream>& streams, int& answered) {
  auto& loop = server.loop();
  auto deadline = io::Deadline::in(loop, std::chrono::seconds(2));
  char buffer[512];
  for (int i = 0; i < 3; ++i) {
    auto stream = (co_await io::connect(loop, "127.0.0.1", server.port(), deadline)).value();
    (void)co_await stream.write(kGet);
    streams.push_back(std::move(stream));
  }
  for (auto& stream : streams) {
    auto count = co_await stream.read_some(buffer, io::Deadline::in(loop, Milliseconds(60)));
    if (count && *count > 0) ++answered;
  }
  // One leaves: a waiting one gets its place.
  if (answered == 2) streams.front().close();
  auto last = co_await streams.back().read_some(buffer, io::Deadline::in(loop, Milliseconds(200)));
  if (last && *last > 0) answered += 10;
}

TEST(Server, PausesAcceptingAtTheLimitOfConnections) {
  Limits limits;
  limits.connections = 2;
  RecordingHandler handler;
  LoopbackServer server(handler, limits);
  std::vector<io::Stream> streams;
  int answered = 0;
  server.run(open_three(server, streams, answered));
  EXPECT_EQ(answered, 12);
  EXPECT_GE(server.server().counters().accept_pauses, 1u);
}

TEST(Server, ClosesConnectionsOverTheLimitOfOneAddress) {
  Limits limits;
  limits.connections_per_address = 2;
  limits.loopback_exempt = false;
  RecordingHandler handler;
  LoopbackServer server(handler, limits);
  std::vector<io::Stream> streams;
  int answered = 0;
  server.run(open_three(server, streams, answered));
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(server.server().counters().refused_by_address, 1u);
}

// The clients' sockets are there before the limit falls, so that only the server lacks descriptors.
io::Task<void> connect_without_descriptors(LoopbackServer& server, Answer& answer, const rlimit& usual) {
  auto& loop = server.loop();
  io::TaskGroup group(loop);
  group.add(testing::exchange(loop, server.port(), {kGet}, HalfClose::Yes, Milliseconds(0), answer));
  auto low = usual;
  os::Descriptor lowest_free(::dup(0));
  low.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  lowest_free.reset();
  ::setrlimit(RLIMIT_NOFILE, &low);
  while (server.server().counters().accept_pauses == 0) {
    co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(5)));
  }
  ::setrlimit(RLIMIT_NOFILE, &usual);
  EXPECT_TRUE(co_await group.join());
}

TEST(Server, OutlivesAShortageOfDescriptors) {
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  RecordingHandler handler;
  LoopbackServer server(handler);
  Answer answer;
  server.run(connect_without_descriptors(server, answer, usual));
  EXPECT_EQ(answer.status(), 200);
}

}  // namespace
}  // namespace virga::http
