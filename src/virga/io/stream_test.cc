#include "virga/io/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "virga/io/network.h"
#include "virga/io/task_group.h"
#include "virga/os/socket.h"

namespace virga::io {
namespace {

Task<void> echo(Listener& listener) {
  auto stream = (co_await listener.accept()).value();
  std::string buffer(4096, '\0');
  while (true) {
    auto count = (co_await stream.read_some(buffer)).value();
    if (count == 0) break;
    EXPECT_TRUE(co_await stream.write(std::string_view(buffer).substr(0, count)));
  }
}

Task<void> send_all(Stream& stream, const std::string& bytes) {
  EXPECT_TRUE(co_await stream.write(bytes));
  stream.shutdown_write();
}

Task<void> talk(Loop& loop, const std::string& sent, std::string& received) {
  auto listener = Listener::listen(loop, "127.0.0.1", 0).value();
  TaskGroup group(loop);
  group.add(echo(listener));
  auto deadline = Deadline::in(loop, std::chrono::seconds(5));
  auto stream = (co_await connect(loop, "127.0.0.1", listener.port(), deadline)).value();
  EXPECT_EQ(peer_address(stream), "127.0.0.1");
  group.add(send_all(stream, sent));
  std::string buffer(65536, '\0');
  while (true) {
    auto count = (co_await stream.read_some(buffer)).value();
    if (count == 0) break;
    received.append(buffer, 0, count);
  }
  EXPECT_TRUE(co_await group.join());
}

TEST(Stream, CarriesMoreThanTheSocketHolds) {
  auto loop = Loop::create().value();
  std::string sent(8 << 20, 'x');
  for (std::size_t i = 0; i < sent.size(); i += 997) sent[i] = static_cast<char>('a' + i % 26);
  std::string received;
  run_until_done(*loop, talk(*loop, sent, received));
  EXPECT_TRUE(received == sent);
}

Task<void> read_to_the_end(Loop& loop, os::Descriptor reader, std::string& received) {
  auto stream = Stream::adopt(loop, std::move(reader)).value();
  char buffer[64];
  while (true) {
    auto count = (co_await stream.read_some(buffer)).value();
    if (count == 0) break;
    received.append(buffer, count);
  }
}

// Data and the end of the stream come as one event: the short read must not make the end invisible.
TEST(Stream, SeesTheEndThatCameWithTheData) {
  auto loop = Loop::create().value();
  auto [left, right] = os::socket_pair(SOCK_STREAM).value();
  ASSERT_EQ(::send(left.get(), "bye", 3, 0), 3);
  left.reset();
  std::string received;
  run_until_done(*loop, read_to_the_end(*loop, std::move(right), received));
  EXPECT_EQ(received, "bye");
}

Task<void> read_with_deadline(Loop& loop, os::Descriptor reader) {
  auto stream = Stream::adopt(loop, std::move(reader)).value();
  char buffer[64];
  auto count = co_await stream.read_some(buffer, Deadline::in(loop, std::chrono::milliseconds(15)));
  EXPECT_FALSE(count);
  EXPECT_EQ(count.error().code(), ErrorCode::DeadlineExceeded);
}

TEST(Stream, ReadEndsAtItsDeadline) {
  auto loop = Loop::create().value();
  auto pipe = os::make_pipe().value();
  run_until_done(*loop, read_with_deadline(*loop, std::move(pipe.reader)));
}

Task<void> read_until_closed(Stream& stream) {
  char buffer[64];
  auto count = co_await stream.read_some(buffer);
  EXPECT_FALSE(count);
  EXPECT_EQ(count.error().code(), ErrorCode::Cancelled);
}

Task<void> close_under_a_reader(Loop& loop, os::Descriptor reader) {
  auto stream = Stream::adopt(loop, std::move(reader)).value();
  TaskGroup group(loop);
  group.add(read_until_closed(stream));
  stream.close();
  EXPECT_TRUE(co_await group.join());
}

TEST(Stream, CloseEndsAWaitingRead) {
  auto loop = Loop::create().value();
  auto pipe = os::make_pipe().value();
  run_until_done(*loop, close_under_a_reader(*loop, std::move(pipe.reader)));
}

TEST(Listener, SaysWhichPortIsInUse) {
  auto loop = Loop::create().value();
  auto first = Listener::listen(*loop, "127.0.0.1", 0).value();
  auto second = Listener::listen(*loop, "127.0.0.1", first.port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(second.error().message(),
            "listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use");
}

}  // namespace
}  // namespace virga::io
