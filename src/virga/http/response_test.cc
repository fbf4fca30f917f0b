#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "virga/http/server.h"
#include "virga/http/testing/recording_handler.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using ::testing::EndsWith;
using testing::HalfClose;
using testing::LoopbackServer;
using ::testing::StartsWith;
using Milliseconds = std::chrono::milliseconds;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// A handler that answers with what the test put there.
class Canned : public Handler {
 public:
  io::Task<Response> handle(const Request& request) override {
    peer = request.peer;
    auto response = std::move(next.front());
    next.pop_front();
    co_return response;
  }
  Admission admit(const Request& head) override {
    Admission admission;
    if (head.path == "/refused") admission.refusal = Response::make(403, "text/plain", "no");
    return admission;
  }
  std::deque<Response> next;
  std::string peer;
};

class Pieces : public BodySource {
 public:
  explicit Pieces(std::deque<Result<std::string>> pieces) : pieces_(std::move(pieces)) {}
  io::Task<Result<std::string>> next() override {
    if (pieces_.empty()) co_return std::string();
    auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    co_return piece;
  }

 private:
  std::deque<Result<std::string>> pieces_;
};

Response streamed(std::deque<Result<std::string>> pieces, std::optional<std::uint64_t> length = {}) {
  Response response;
  response.stream = std::make_unique<Pieces>(std::move(pieces));
  response.length = length;
  return response;
}

TEST(ServerResponse, WritesEachKindOfResponse) {
  struct Row {
    std::string name;
    std::string request;
    Response response;
    std::string begins;
    std::string ends;  // of the whole answer
  };
  std::vector<Row> table;
  auto add = [&](std::string name, std::string request, Response response, std::string begins, std::string ends) {
    table.push_back({std::move(name), std::move(request), std::move(response), std::move(begins), std::move(ends)});
  };
  Response with_length;
  with_length.length = 1234;
  Response impossible;
  impossible.status = 101;
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string old = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const std::string failed = "not whole";
  add("text", kGet, Response::make(404, "text/plain", "none"),
      "HTTP/1.1 404 Not Found\r\nDate: ", "\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nnone");
  add("empty", kGet, Response{}, "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 0\r\n\r\n");
  add("HEAD", head, Response::make(200, "text/plain", "four"), "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 4\r\n\r\n");
  add("HEAD with a length", head, std::move(with_length), "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 1234\r\n\r\n");
  add("204", kGet, Response::make(204, "text/plain", "lost"), "HTTP/1.1 204 No Content\r\n",
      "\r\nContent-Type: text/plain\r\n\r\n");
  add("304", kGet, Response::make(304, "text/plain", "lost"), "HTTP/1.1 304 Not Modified\r\n",
      "\r\nContent-Type: text/plain\r\n\r\n");
  add("a status no handler may choose", kGet, std::move(impossible), "HTTP/1.1 500 ", "Content-Length: 0\r\n\r\n");
  add("stream", kGet, streamed({"abc", std::string(20, 'x')}), "HTTP/1.1 200 OK\r\n",
      "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n14\r\nxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n");
  add("stream of known length", kGet, streamed({"abc", "de"}, 5), "HTTP/1.1 200 OK\r\n",
      "\r\nContent-Length: 5\r\n\r\nabcde");
  add("stream to HTTP/1.0", old, streamed({"abc"}), "HTTP/1.1 200 OK\r\n", "\r\nConnection: close\r\n\r\nabc");
  add("stream that fails", kGet + kGet, streamed({"abc", fail(ErrorCode::Internal, failed)}), "HTTP/1.1 200 OK\r\n",
      "\r\n\r\n3\r\nabc\r\n");
  add("stream longer than it said", kGet + kGet, streamed({"abc", "def"}, 4), "HTTP/1.1 200 OK\r\n", "\r\n\r\nabc");
  add("stream shorter than it said", kGet + kGet, streamed({"abc"}, 4), "HTTP/1.1 200 OK\r\n", "\r\n\r\nabc");
  add("refused before the body", "PUT /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", Response{},
      "HTTP/1.1 403 Forbidden\r\n", "\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  for (auto& row : table) {
    Canned handler;
    handler.next.push_back(std::move(row.response));
    LoopbackServer server(handler);
    auto answer = server.talk({row.request}, HalfClose::Yes);
    EXPECT_EQ(answer.responses(), 1u) << row.name;
    EXPECT_THAT(answer.bytes, StartsWith(row.begins)) << row.name;
    EXPECT_THAT(answer.bytes, EndsWith(row.ends)) << row.name;
    if (row.name != "refused before the body") EXPECT_EQ(handler.peer, "127.0.0.1") << row.name;
  }
}

TEST(Response, TakesNoFieldThatWouldSplitIt) {
  Response response;
  EXPECT_FALSE(response.add("A", "b\r\nC: d"));
  EXPECT_FALSE(response.add("A", std::string("\0", 1)));
  EXPECT_FALSE(response.add("A\r\nB", "c"));
  EXPECT_FALSE(response.add("A:", "c"));
  EXPECT_FALSE(response.add("", "c"));
  EXPECT_FALSE(response.add("content-length", "5"));
  EXPECT_FALSE(response.add("Transfer-Encoding", "chunked"));
  EXPECT_TRUE(response.fields.empty());
  EXPECT_TRUE(response.add("A", " b c "));
  EXPECT_TRUE(response.add("X", ""));
  EXPECT_EQ(response.fields, "A: b c\r\nX: \r\n");
  EXPECT_EQ(response.field("a"), "b c");
}

// Gives pieces for as long as it is asked, then waits for its cancellation.
class Endless : public Handler {
 public:
  class Source : public BodySource {
   public:
    Source(io::Loop& loop, std::size_t pieces, bool& cancelled) : gone_(loop), pieces_(pieces), cancelled_(cancelled) {}
    io::Task<Result<std::string>> next() override {
      if (pieces_ > 0) {
        --pieces_;
        co_return std::string(1 << 20, 'x');
      }
      auto waited = co_await gone_.wait();
      if (!waited) co_return fail(std::move(waited).error());
      co_return std::string();
    }
    void cancel() override {
      cancelled_ = true;
      gone_.set();
    }

   private:
    io::Event gone_;
    std::size_t pieces_;
    bool& cancelled_;
  };
  io::Task<Response> handle(const Request& request) override {
    Response response;
    response.stream = std::make_unique<Source>(request.connection->loop(), pieces, cancelled);
    co_return response;
  }
  std::size_t pieces = 1;
  bool cancelled = false;
};

// Reads `bytes` and leaves, or stays without reading until the server has ended the connection.
io::Task<void> read_some_of(LoopbackServer& server, std::size_t bytes, bool stay) {
  auto& loop = server.loop();
  auto deadline = io::Deadline::in(loop, std::chrono::seconds(5));
  auto stream = (co_await io::connect(loop, "127.0.0.1", server.port(), deadline)).value();
  (void)co_await stream.write(kGet);
  std::string buffer(65536, '\0');
  for (std::size_t read = 0; read < bytes;) {
    auto count = co_await stream.read_some(buffer, deadline);
    if (!count || *count == 0) break;
    read += *count;
  }
  if (!stay) stream.close();
  while (server.server().counters().open > 0 && loop.now() < deadline.time()) {
    co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(5)));
  }
}

TEST(ServerResponse, CancelsAStreamWhoseReaderHasLeft) {
  Endless handler;
  LoopbackServer server(handler);
  server.run(read_some_of(server, 1 << 20, false));
  EXPECT_TRUE(handler.cancelled);
  EXPECT_EQ(server.server().counters().open, 0u);
}

TEST(ServerResponse, CutsAClientThatTakesNothing) {
  Limits limits;
  limits.write_stall = Milliseconds(40);
  Endless handler;
  handler.pieces = 64;
  LoopbackServer server(handler, limits);
  server.run(read_some_of(server, 1, true));
  EXPECT_EQ(server.server().counters().open, 0u);
  EXPECT_EQ(server.server().counters().too_slow, 1u);
}

}  // namespace
}  // namespace virga::http
