#include <gtest/gtest.h>

#include "virga/http/testing/recording_handler.h"
#include "virga/http/testing/smuggling_corpus.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using testing::HalfClose;
using testing::LoopbackServer;
using testing::RecordingHandler;

const std::string kNext = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(Smuggling, NothingBehindARefusedMessageIsARequest) {
  RecordingHandler handler;
  LoopbackServer server(handler);
  for (const auto& refused : testing::smuggling_corpus()) {
    auto answer = server.talk({refused.bytes + kNext});
    EXPECT_EQ(answer.status(), refused.status) << refused.name << "\n" << answer.bytes;
    EXPECT_EQ(answer.responses(), 1u) << refused.name;
    EXPECT_TRUE(answer.closed) << refused.name;
    EXPECT_NE(answer.bytes.find("Connection: close\r\n"), std::string::npos) << refused.name;
    EXPECT_TRUE(handler.requests.empty()) << refused.name << ": " << handler.requests.front();
    handler.requests.clear();
  }
}

// The same byte by byte: how the bytes arrive must not change what they mean.
TEST(Smuggling, TheWayTheBytesArriveChangesNothing) {
  RecordingHandler handler;
  LoopbackServer server(handler);
  auto corpus = testing::smuggling_corpus();
  for (std::size_t i = 0; i < corpus.size(); i += 5) {
    std::vector<std::string> pieces;
    for (char c : corpus[i].bytes + kNext) pieces.emplace_back(1, c);
    auto answer = server.talk(pieces);
    // The client may still have been writing when the server closed.
    if (!answer.bytes.empty()) EXPECT_EQ(answer.status(), corpus[i].status) << corpus[i].name;
    EXPECT_LE(answer.responses(), 1u) << corpus[i].name;
    EXPECT_TRUE(handler.requests.empty()) << corpus[i].name;
    handler.requests.clear();
  }
}

struct Accepted {
  std::string name;
  std::string bytes;
  std::vector<std::string> requests;
};

// Unusual and sound: the boundaries are where the standard puts them.
TEST(Smuggling, SoundMessagesEndWhereTheyShould) {
  const std::vector<Accepted> table = {
      {"GET with a body",
       "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789" + kNext,
       {"GET / 0123456789", "GET /smuggled "}},
      {"Expect with the body sent already",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi" + kNext,
       {"POST / hi", "GET /smuggled "}},
      {"Upgrade to h2c with a body",
       "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
       "AAMAAABk\r\n"
       "Content-Length: 2\r\n\r\nhi" +
           kNext,
       {"POST / hi", "GET /smuggled "}},
      {"a trailer that looks like a request",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX:POST / HTTP/1.1\r\n\r\n" + kNext,
       {"POST / ", "GET /smuggled "}},
      {"chunks with extensions and leading zeros",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0003;a=b;c=\"d "
       "e\"\r\nabc\r\nA\r\n0123456789\r\n00\r\n"
       "\r\n" +
           kNext,
       {"POST / abc0123456789", "GET /smuggled "}},
      {"absolute target", "GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", {"GET http://A:80/x?y "}},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {"OPTIONS * "}},
      {"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:4600\r\n\r\n", {"GET / "}},
      {"1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {"GET / "}},
      {"zero length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + kNext, {"POST / ", "GET /smuggled "}},
      // No path is ever joined to a folder by http: dots and slashes reach the handler as they are, since keys of
      // object stores may hold them.
      {"dots", "GET /a/../%2e%2e%2f/..;/x HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /a/../%2e%2e%2f/..;/x "}},
      {"two slashes", "GET //evil HTTP/1.1\r\nHost: a\r\n\r\n", {"GET //evil "}},
      {"what browsers do not encode",
       "GET /[a]|b^{c}?d=100%&e=[f]\\g HTTP/1.1\r\nHost: a\r\n\r\n",
       {"GET /[a]|b^{c}?d=100%&e=[f]\\g "}},
      {"UTF-8 in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n", {"GET / "}},
  };
  for (const auto& row : table) {
    RecordingHandler handler;
    LoopbackServer server(handler);
    auto answer = server.talk({row.bytes}, HalfClose::Yes);
    EXPECT_EQ(handler.requests, row.requests) << row.name << "\n" << answer.bytes;
    EXPECT_EQ(answer.responses(), row.requests.size()) << row.name;
    EXPECT_TRUE(answer.closed) << row.name;

    RecordingHandler slow_handler;
    LoopbackServer slow_server(slow_handler);
    std::vector<std::string> pieces;
    for (char c : row.bytes) pieces.emplace_back(1, c);
    slow_server.talk(pieces, HalfClose::Yes);
    EXPECT_EQ(slow_handler.requests, row.requests) << row.name << ", byte by byte";
  }
}

}  // namespace
}  // namespace virga::http
