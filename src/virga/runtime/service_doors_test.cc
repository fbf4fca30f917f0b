#include "virga/runtime/service_doors.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "virga/http/testing/recording_handler.h"
#include "virga/io/network.h"

namespace virga::runtime {
namespace {

using http::testing::RecordingHandler;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

struct Socket {
  os::Descriptor listening;
  std::uint16_t port = 0;
};

Socket listening() {
  Socket made;
  made.listening = os::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(made.listening.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(made.listening.get(), 8), 0);
  EXPECT_EQ(::getsockname(made.listening.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  made.port = ntohs(address.sin_port);
  return made;
}

class ServiceDoorsTest : public ::testing::Test {
 protected:
  ~ServiceDoorsTest() override { io::run_until_done(*loop_, doors_.stop()); }

  static http::Limits limits() {
    auto limits = ServiceDoors::limits_of_one();
    limits.connections = 1;
    return limits;
  }
  io::Deadline soon() { return io::Deadline::in(*loop_, std::chrono::seconds(8)); }

  io::Task<Result<io::Stream>> connect(std::uint16_t port) {
    auto connected = co_await io::connect(*loop_, "127.0.0.1", port, soon());
    co_return connected;
  }
  // How many bytes come next; 0: the connection was closed.
  io::Task<std::size_t> read(io::Stream* stream) {
    std::string buffer(4096, '\0');
    auto count = co_await stream->read_some(buffer, soon());
    EXPECT_TRUE(count.has_value()) << "nothing came in time";
    co_return count.value_or(0);
  }

  io::Task<bool> is_answered(io::Stream* stream) {
    (void)co_await stream->write(kGet, soon());
    auto count = co_await read(stream);
    co_return count > 0;
  }
  std::uint16_t open(std::uint64_t id) {
    auto socket = listening();
    EXPECT_TRUE(doors_.open(id, std::move(socket.listening)));
    return socket.port;
  }

  io::Task<void> close_one_of_two() {
    auto first = open(1);
    auto second = open(2);
    auto one = co_await connect(first);
    auto other = co_await connect(second);
    bool is_served = co_await is_answered(&*one);
    EXPECT_TRUE(is_served);
    is_served = co_await is_answered(&*other);
    EXPECT_TRUE(is_served);
    doors_.close(1);
    auto count = co_await read(&*one);
    EXPECT_EQ(count, 0u);
    is_served = co_await is_answered(&*other);
    EXPECT_TRUE(is_served);
    auto again = co_await connect(first);
    EXPECT_FALSE(again);
  }

  io::Task<void> wait_beyond_the_limit() {
    auto first = open(1);
    auto second = open(2);
    auto held = co_await connect(first);
    bool is_served = co_await is_answered(&*held);
    EXPECT_TRUE(is_served);
    auto waiting = co_await connect(first);
    (void)co_await waiting->write(kGet, soon());
    // Another sandbox is served meanwhile, and after that the one that waits is still not.
    auto other = co_await connect(second);
    is_served = co_await is_answered(&*other);
    EXPECT_TRUE(is_served);
    EXPECT_EQ(handler_.requests.size(), 2u);
    held->close();
    auto count = co_await read(&*waiting);
    EXPECT_GT(count, 0u);
  }

  io::Task<void> come_too_late() {
    co_await doors_.stop();
    auto late = open(1);
    auto connected = co_await connect(late);
    EXPECT_FALSE(connected);
  }

  std::unique_ptr<io::Loop> loop_ = io::Loop::create().value();
  RecordingHandler handler_;
  ServiceDoors doors_{*loop_, handler_, limits()};
};

TEST_F(ServiceDoorsTest, ClosingOneCutsItsConnectionsAndNobodyElses) {
  io::run_until_done(*loop_, close_one_of_two());
  EXPECT_EQ(doors_.count(), 1u);
  EXPECT_EQ(doors_.requests(), 3u);
}

TEST_F(ServiceDoorsTest, ConnectionsBeyondTheLimitOfOneWaitForItsOthers) {
  io::run_until_done(*loop_, wait_beyond_the_limit());
  EXPECT_EQ(handler_.requests.size(), 3u);
}

TEST_F(ServiceDoorsTest, OpensNothingOnceItHasStopped) {
  io::run_until_done(*loop_, come_too_late());
  EXPECT_EQ(doors_.count(), 0u);
}

}  // namespace
}  // namespace virga::runtime
