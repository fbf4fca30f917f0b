#include <gtest/gtest.h>

#include "virga/http/testing/recording_handler.h"
#include "virga/http/testing/smuggling_corpus.h"
#include "virga/http/testing/sound_messages.h"
#include "virga/http/testing/wire.h"

namespace virga::http {
namespace {

using testing::HalfClose;
using testing::LoopbackServer;
using testing::RecordingHandler;

using testing::kNext;

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

TEST(Smuggling, SoundMessagesEndWhereTheyShould) {
  for (const auto& row : testing::sound_messages()) {
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
