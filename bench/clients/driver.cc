#include "bench/clients/driver.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include "bench/load/response_reader.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"

namespace virga::load {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t kReadSize = std::size_t{256} * 1024;
constexpr int kEvents = 256;
constexpr int kWaitMs = 100;

struct Connection {
  os::Descriptor socket;
  std::unique_ptr<Conversation> conversation;
  std::string out;
  std::size_t sent = 0;
  std::deque<Time> waiting;  // when each request that has no answer was written
  ResponseReader reader;
};

class Driver {
 public:
  explicit Driver(const Drive& drive) : drive_(drive), buffer_(kReadSize) {}

  Result<> connect(const std::function<std::unique_ptr<Conversation>()>& make_conversation);
  Result<Driven> run();

 private:
  Result<> open(Connection& connection);
  bool is_over() const;
  void fill(Connection& connection);
  void send_rest(Connection& connection);
  Result<> read(Connection& connection);
  Result<> complete(Connection& connection);
  Result<> open_again(Connection& connection);

  const Drive& drive_;
  os::Descriptor epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;
  Time start_;
  std::uint64_t written_ = 0;
  std::uint64_t under_way_ = 0;
  Driven driven_;
};

// Loopback connects at once, so it is waited for.
Result<> Driver::open(Connection& connection) {
  connection.socket = os::Descriptor(socket(drive_.target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection.socket.valid()) return os::fail_errno("open", "a socket");
  int on = 1;
  setsockopt(connection.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&drive_.target.address);
  if (::connect(connection.socket.get(), address, drive_.target.address_size) != 0) {
    return os::fail_errno("connect to", drive_.target.host);
  }
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = &connection}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.socket.get(), &event) != 0) {
    return os::fail_errno("watch", "a socket");
  }
  return {};
}

Result<> Driver::connect(const std::function<std::unique_ptr<Conversation>()>& make_conversation) {
  epoll_ = os::Descriptor(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return os::fail_errno("make", "an epoll descriptor");
  for (unsigned number = 0; number < drive_.connections; ++number) {
    auto& connection = *connections_.emplace_back(std::make_unique<Connection>());
    connection.conversation = make_conversation();
    if (connection.conversation->wants_bodies()) connection.reader.keep_bodies();
    VIRGA_TRY(open(connection));
  }
  return {};
}

bool Driver::is_over() const {
  if (drive_.requests > 0) return written_ >= drive_.requests;
  return std::chrono::steady_clock::now() - start_ >= drive_.length;
}

void Driver::fill(Connection& connection) {
  while (connection.waiting.size() < drive_.pipeline && !is_over()) {
    auto request = connection.conversation->next();
    connection.out.append(request.head).append(request.body);
    connection.waiting.push_back(std::chrono::steady_clock::now());
    ++written_;
    ++under_way_;
  }
  send_rest(connection);
}

void Driver::send_rest(Connection& connection) {
  while (connection.sent < connection.out.size()) {
    ssize_t sent = send(connection.socket.get(), connection.out.data() + connection.sent,
                        connection.out.size() - connection.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    // A connection that has ended is found when it is read.
    if (sent < 0 && errno != EINTR) return;
    if (sent > 0) connection.sent += static_cast<std::size_t>(sent);
  }
  connection.out.clear();
  connection.sent = 0;
}

// What of the answers is only counted is dropped in the kernel: copying it would take longer than serving it.
Result<> Driver::read(Connection& connection) {
  auto& reader = connection.reader;
  while (true) {
    auto droppable = static_cast<std::size_t>(reader.droppable());
    auto room = droppable > 0 ? droppable : buffer_.size();
    ssize_t got = recv(connection.socket.get(), droppable > 0 ? nullptr : buffer_.data(), room,
                       MSG_DONTWAIT | (droppable > 0 ? MSG_TRUNC : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return {};
    if (got <= 0) return open_again(connection);
    if (droppable > 0) {
      if (reader.drop(static_cast<std::size_t>(got)) == ResponseReader::Progress::Complete) {
        VIRGA_TRY(complete(connection));
      }
      continue;
    }
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
    while (!bytes.empty()) {
      auto progress = reader.take(bytes);
      if (progress == ResponseReader::Progress::Incomplete) break;
      if (progress == ResponseReader::Progress::Malformed) {
        return fail(ErrorCode::InvalidArgument, "the server sent what is no answer to a request");
      }
      bool closes = reader.closes_connection();
      VIRGA_TRY(complete(connection));
      if (closes) return {};
    }
    if (static_cast<std::size_t>(got) < room && reader.droppable() == 0) return {};
  }
}

// Counts the answer that has come whole, and goes on.
Result<> Driver::complete(Connection& connection) {
  auto& reader = connection.reader;
  if (connection.waiting.empty()) return fail(ErrorCode::InvalidArgument, "the server answered what was not asked");
  ++driven_.requests;
  ++driven_.statuses[reader.status() % driven_.statuses.size()];
  auto time = std::chrono::steady_clock::now() - connection.waiting.front();
  driven_.latency.record(static_cast<std::uint64_t>(time.count()));
  connection.waiting.pop_front();
  --under_way_;
  if (!connection.conversation->take(reader.status(), reader.body())) ++driven_.failed;
  bool closes = reader.closes_connection();
  reader.reset();
  if (closes) return open_again(connection);
  // Several answers of one read are followed by one write.
  if (connection.waiting.size() <= drive_.pipeline / 2) fill(connection);
  return {};
}

Result<> Driver::open_again(Connection& connection) {
  driven_.broken += connection.waiting.size();
  under_way_ -= connection.waiting.size();
  connection.waiting.clear();
  connection.out.clear();
  connection.sent = 0;
  connection.reader.reset();
  VIRGA_TRY(open(connection));
  fill(connection);
  return {};
}

std::chrono::nanoseconds thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Result<Driven> Driver::run() {
  auto cpu = thread_cpu();
  start_ = std::chrono::steady_clock::now();
  for (auto& connection : connections_) fill(*connection);
  auto last_answer = start_;
  std::uint64_t answered = 0;
  while (!is_over() || under_way_ > 0) {
    std::array<epoll_event, kEvents> events;
    int count = epoll_wait(epoll_.get(), events.data(), kEvents, kWaitMs);
    for (int number = 0; number < count; ++number) {
      const auto& event = events[static_cast<std::size_t>(number)];
      auto& connection = *static_cast<Connection*>(event.data.ptr);
      if ((event.events & EPOLLOUT) != 0) send_rest(connection);
      if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) VIRGA_TRY(read(connection));
    }
    auto now = std::chrono::steady_clock::now();
    if (driven_.requests != answered) last_answer = now;
    answered = driven_.requests;
    if (now - last_answer > drive_.patience) {
      return fail(ErrorCode::DeadlineExceeded, "no answer for " +
                                                   std::to_string(drive_.patience.count() / 1'000'000'000) +
                                                   " s, and " + std::to_string(under_way_) + " requests wait for one");
    }
  }
  driven_.elapsed = std::chrono::steady_clock::now() - start_;
  driven_.cpu = thread_cpu() - cpu;
  for (const auto& connection : connections_) driven_.done += connection->conversation->done();
  return driven_;
}

}  // namespace

Result<Driven> drive(const Drive& drive, const std::function<std::unique_ptr<Conversation>()>& make_conversation) {
  Driver driver(drive);
  VIRGA_TRY(driver.connect(make_conversation));
  return driver.run();
}

}  // namespace virga::load
