#include "bench/load/response_reader.h"

#include <gtest/gtest.h>

namespace virga::load {
namespace {

using Progress = ResponseReader::Progress;

constexpr std::string_view kPlain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-LENGTH: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 503 Slow down\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5;note=1\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n"
    "Trailer: x\r\n\r\n";

TEST(ResponseReader, FindsTheEndByLength) {
  ResponseReader reader;
  EXPECT_EQ(reader.read(kPlain), Progress::Complete);
  EXPECT_EQ(reader.status(), 200U);
  EXPECT_FALSE(reader.closes_connection());
}

TEST(ResponseReader, FindsTheEndWhereverTheBytesAreCut) {
  for (std::string_view text : {kPlain, kChunked}) {
    for (std::size_t first = 1; first < text.size(); ++first) {
      for (std::size_t second = first; second < text.size(); second += 7) {
        ResponseReader reader;
        ASSERT_EQ(reader.read(text.substr(0, first)), Progress::Incomplete) << first;
        ASSERT_EQ(reader.read(text.substr(first, second - first)), Progress::Incomplete) << first << " " << second;
        ASSERT_EQ(reader.read(text.substr(second)), Progress::Complete) << first << " " << second;
      }
    }
  }
}

TEST(ResponseReader, ReadsOneByteAtATime) {
  ResponseReader reader;
  for (std::size_t index = 0; index + 1 < kChunked.size(); ++index) {
    ASSERT_EQ(reader.read(kChunked.substr(index, 1)), Progress::Incomplete) << index;
  }
  EXPECT_EQ(reader.read(kChunked.substr(kChunked.size() - 1)), Progress::Complete);
  EXPECT_EQ(reader.status(), 503U);
}

TEST(ResponseReader, LeavesWhatFollowsWhereSeveralAreUnderWay) {
  std::string three = std::string(kChunked) + std::string(kPlain) + "HTTP/1.1 204 No Content\r\n\r\n";
  std::string_view left = three;
  ResponseReader reader;
  reader.keep_bodies();
  ASSERT_EQ(reader.take(left), Progress::Complete);
  EXPECT_EQ(reader.body(), "helloabcdefghijklmnopqrstuvwxyz");
  reader.reset();
  ASSERT_EQ(reader.take(left), Progress::Complete);
  EXPECT_EQ(reader.body(), "hello");
  reader.reset();
  ASSERT_EQ(reader.take(left), Progress::Complete);
  EXPECT_EQ(reader.status(), 204U);
  EXPECT_EQ(reader.body(), "");
  EXPECT_TRUE(left.empty());
}

TEST(ResponseReader, IsToldOfBytesThatNobodyReads) {
  ResponseReader reader;
  EXPECT_EQ(reader.droppable(), 0U);
  ASSERT_EQ(reader.read("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"), Progress::Incomplete);
  EXPECT_EQ(reader.droppable(), 90U);
  EXPECT_EQ(reader.drop(89), Progress::Incomplete);
  EXPECT_EQ(reader.drop(1), Progress::Complete);
  reader.reset();
  ASSERT_EQ(reader.read(kChunked.substr(0, 75)), Progress::Incomplete);
  EXPECT_EQ(reader.droppable(), 0U);
}

TEST(ResponseReader, AnswersWithoutABodyEndWithTheirHead) {
  for (std::string_view text : {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    ResponseReader reader;
    EXPECT_EQ(reader.read(text), Progress::Complete) << text;
  }
}

TEST(ResponseReader, SkipsInterimAnswers) {
  ResponseReader reader;
  EXPECT_EQ(reader.read("HTTP/1.1 100 Continue\r\n\r\n"), Progress::Incomplete);
  EXPECT_EQ(reader.read(kPlain), Progress::Complete);
  EXPECT_EQ(reader.status(), 200U);
}

TEST(ResponseReader, SaysThatTheServerCloses) {
  ResponseReader reader;
  EXPECT_EQ(reader.read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), Progress::Complete);
  EXPECT_TRUE(reader.closes_connection());
  reader.reset();
  EXPECT_EQ(reader.read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), Progress::Complete);
  EXPECT_TRUE(reader.closes_connection());
}

TEST(ResponseReader, IsReadyForTheNextAfterAReset) {
  ResponseReader reader;
  EXPECT_EQ(reader.read(kChunked), Progress::Complete);
  reader.reset();
  EXPECT_EQ(reader.read(kPlain.substr(0, 20)), Progress::Incomplete);
  EXPECT_EQ(reader.read(kPlain.substr(20)), Progress::Complete);
}

TEST(ResponseReader, RefusesWhatItCannotFollow) {
  for (std::string_view text : {"HTTP/1.1 200 OK\r\n\r\n",  // ends with the connection
                                "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ResponseReader reader;
    EXPECT_EQ(reader.read(text), Progress::Malformed) << text;
  }
}

TEST(ResponseReader, RefusesBytesBehindTheAnswer) {
  ResponseReader reader;
  EXPECT_EQ(reader.read(std::string(kPlain) + "more"), Progress::Malformed);
}

TEST(ResponseReader, RefusesAHeadWithoutEnd) {
  ResponseReader reader;
  std::string piece(10'000, 'a');
  Progress progress = reader.read("HTTP/1.1 200 OK\r\nA: ");
  for (int count = 0; count < 8 && progress == Progress::Incomplete; ++count) progress = reader.read(piece);
  EXPECT_EQ(progress, Progress::Malformed);
}

}  // namespace
}  // namespace virga::load
