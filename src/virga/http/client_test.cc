#include "virga/http/client.h"

#include <gtest/gtest.h>

#include "virga/http/testing/recording_handler.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using testing::LoopbackServer;
using testing::RecordingHandler;
using Milliseconds = std::chrono::milliseconds;

// A server that plays back bytes: one list of answers for each connection that comes, one answer for each read.
struct Playback {
  std::vector<std::vector<std::string>> connections;
  std::size_t accepted = 0;
  std::string received;
};

io::Task<void> play(io::Listener& listener, Playback& playback) {
  char buffer[65536];
  for (const auto& answers : playback.connections) {
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    ++playback.accepted;
    for (const auto& answer : answers) {
      auto count = co_await stream->read_some(buffer, io::Deadline::in(stream->loop(), std::chrono::seconds(5)));
      if (!count || *count == 0) break;
      playback.received.append(buffer, *count);
      if (answer == "(nothing)")
        co_await io::sleep_until(stream->loop(), io::Deadline::in(stream->loop(), Milliseconds(60)));
      else if (!answer.empty())
        (void)co_await stream->write(answer);
    }
  }
}

struct Talk {
  Playback playback;
  std::vector<ClientRequest> requests{1};
  Milliseconds time{2000};
  std::vector<Result<ClientResponse>> responses;
};

io::Task<void> run_client(io::Loop& loop, Talk& run) {
  auto listener = io::Listener::listen(loop, "127.0.0.1", 0).value();
  io::TaskGroup group(loop);
  group.add(play(listener, run.playback));
  {
    Connection connection(loop, "127.0.0.1", listener.port());
    for (auto& request : run.requests) {
      run.responses.push_back(co_await connection.send(request, io::Deadline::in(loop, run.time)));
      // Lets the end of the connection, if there is one, be noticed.
      co_await io::sleep_until(loop, io::Deadline::in(loop, Milliseconds(15)));
    }
  }
  listener.close();
  EXPECT_TRUE(co_await group.join());
}

void play_back(Talk& run) {
  auto loop = io::Loop::create().value();
  io::run_until_done(*loop, run_client(*loop, run));
}

TEST(Client, RefusesAnswersThatAreNotWholeHttp) {
  struct Row {
    std::string answer;
    ErrorCode code;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const auto& row : std::vector<Row>{{"SSH-2.0-OpenSSH\r\n", ErrorCode::DataLoss},
                                          {"HTTP/2 200\r\n\r\n", ErrorCode::DataLoss},
                                          {ok + "Transfer-Encoding: x\r\n\r\n", ErrorCode::DataLoss},
                                          {ok + "Transfer-Encoding: chunked\r\n\r\nZ\r\n", ErrorCode::DataLoss},
                                          {ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", ErrorCode::DataLoss},
                                          {"HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrorCode::DataLoss},
                                          {ok + "Content-Length: 5\r\n\r\nabc", ErrorCode::Unavailable},
                                          {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", ErrorCode::Unavailable},
                                          {ok + "Content-Le", ErrorCode::Unavailable},
                                          {ok + "Content-Length: 50\r\n\r\nabc", ErrorCode::TooLarge},
                                          {"(nothing)", ErrorCode::DeadlineExceeded}}) {
    Talk run;
    run.playback.connections = {{row.answer}};
    if (row.code == ErrorCode::TooLarge) run.requests[0].max_response_body = 2;
    if (row.code == ErrorCode::DeadlineExceeded) run.time = Milliseconds(20);
    play_back(run);
    ASSERT_FALSE(run.responses[0]) << row.answer;
    EXPECT_EQ(run.responses[0].error().code(), row.code) << row.answer << ": " << run.responses[0].error().message();
  }
}

TEST(Client, SaysWhatItCannotSend) {
  for (int i = 0; i < 4; ++i) {
    Talk run;
    if (i == 0) run.requests[0].method = "G T";
    if (i == 1) run.requests[0].target = "/a b";
    if (i == 2) run.requests[0].target = "/a\r\nX: y";
    if (i == 3) run.requests[0].fields.emplace_back("A", "b\r\nC: d");
    play_back(run);
    ASSERT_FALSE(run.responses[0]);
    EXPECT_EQ(run.responses[0].error().code(), ErrorCode::InvalidArgument);
  }
}

TEST(Client, ReadsEachKindOfBody) {
  struct Row {
    std::string answer;
    int status;
    std::string body;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const auto& row : std::vector<Row>{
           {ok + "Content-Length: 3\r\n\r\nabc", 200, "abc"},
           {ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: u\r\n\r\n", 200, "abcde"},
           {ok + "\r\nuntil the end", 200, "until the end"},
           {"HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, "no"},
           {"HTTP/1.1 204\r\n\r\n", 204, ""},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"}}) {
    Talk run;
    run.playback.connections = {{row.answer}};
    play_back(run);
    ASSERT_TRUE(run.responses[0]) << row.answer << run.responses[0].error().message();
    EXPECT_EQ(run.responses[0]->status, row.status) << row.answer;
    EXPECT_EQ(run.responses[0]->body, row.body) << row.answer;
  }
}

TEST(Client, SendsAnIdempotentRequestAgainWhenAKeptConnectionHasEnded) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  Talk run;
  run.playback.connections = {{answer}, {answer, answer}};
  run.requests.resize(3);
  play_back(run);
  for (auto& response : run.responses) EXPECT_TRUE(response);
  EXPECT_EQ(run.playback.accepted, 2u);

  // The connection ends while the second request is on its way.
  Talk get;
  get.playback.connections = {{answer, ""}, {answer}};
  get.requests.resize(2);
  play_back(get);
  EXPECT_TRUE(get.responses[1]);
  EXPECT_EQ(get.playback.accepted, 2u);

  Talk post;
  post.playback.connections = {{answer, ""}, {answer}};
  post.requests.resize(2);
  post.requests[1].method = "POST";
  play_back(post);
  ASSERT_FALSE(post.responses[1]);
  EXPECT_EQ(post.responses[1].error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(post.playback.accepted, 1u);
}

TEST(Client, WritesWhatItWasGiven) {
  Talk run;
  run.playback.connections = {{"HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 0\r\n\r\n"}};
  run.requests[0].method = "POST";
  run.requests[0].target = "/a?b=c";
  run.requests[0].fields = {{"Host", "h"}, {"A", "b"}, {"Content-Length", "99"}};
  run.requests[0].body = "hi";
  play_back(run);
  EXPECT_EQ(run.playback.received, "POST /a?b=c HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_TRUE(run.responses[0]);
  EXPECT_EQ(run.responses[0]->field("x-y"), "z");
}

io::Task<void> upload(LoopbackServer& server, const std::string& body, Result<ClientResponse>& response) {
  auto& loop = server.loop();
  ClientRequest request;
  request.method = "PUT";
  request.body = body;
  response = co_await send(loop, "127.0.0.1", server.port(), std::move(request),
                           io::Deadline::in(loop, std::chrono::seconds(8)));
}

TEST(Client, SeesTheRefusalOfAnUploadThatIsTooLarge) {
  RecordingHandler handler;
  handler.max_body = 1000;
  LoopbackServer server(handler);
  Result<ClientResponse> response;
  server.run(upload(server, std::string(8 << 20, 'x'), response));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 413);
}

// Three pieces, each after the one before was read.
class Ticks : public Handler {
 public:
  class Source : public BodySource {
   public:
    io::Task<Result<std::string>> next() override {
      co_return count_ < 3 ? std::string(1, static_cast<char>('a' + count_++)) : "";
    }

   private:
    int count_ = 0;
  };
  io::Task<Response> handle(const Request&) override {
    Response response;
    response.stream = std::make_unique<Source>();
    co_return response;
  }
};

io::Task<void> follow(LoopbackServer& server, std::string& seen, Result<ClientResponse>& given_up) {
  auto& loop = server.loop();
  Connection connection(loop, "127.0.0.1", server.port());
  auto deadline = io::Deadline::in(loop, std::chrono::seconds(5));
  ClientRequest request;
  request.on_body = [&seen](std::string_view piece) {
    seen += piece;
    return true;
  };
  auto response = co_await connection.send(std::move(request), deadline);
  EXPECT_TRUE(response && response->body.empty());
  ClientRequest second;
  second.on_body = [](std::string_view) { return false; };
  given_up = co_await connection.send(std::move(second), deadline);
}

TEST(Client, GivesTheBodyPieceByPiece) {
  Ticks handler;
  LoopbackServer server(handler);
  std::string seen;
  Result<ClientResponse> given_up;
  server.run(follow(server, seen, given_up));
  EXPECT_EQ(seen, "abc");
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code(), ErrorCode::Cancelled);
}

}  // namespace
}  // namespace virga::http
