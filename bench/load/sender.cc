#include "bench/load/sender.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "virga/os/errno.h"

namespace virga::load {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kConnectTime{5};
constexpr std::chrono::milliseconds kSweepEvery{50};
constexpr std::size_t kReadSize = std::size_t{64} * 1024;
constexpr int kEvents = 256;
// With fewer requests in a tick than this, waking for each is cheap and more precise.
constexpr double kWorthATick = 0.5;

timespec to_timespec(nanoseconds time) {
  return {.tv_sec = static_cast<time_t>(time.count() / 1'000'000'000), .tv_nsec = time.count() % 1'000'000'000};
}

nanoseconds thread_cpu() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

Sender::Sender(const Work& work, unsigned share, unsigned shares)
    : work_(work),
      schedule_(work.plan, share, shares),
      tick_(work.plan.rate / shares * std::chrono::duration<double>(work.tick).count() >= kWorthATick ? work.tick
                                                                                                      : nanoseconds(0)),
      next_request_(share % work.requests.size()),
      request_step_(shares),
      connections_(std::max(1U, work.connections / shares + (share < work.connections % shares ? 1 : 0))),
      buffer_(kReadSize) {}

Result<> Sender::connect() {
  epoll_ = os::Descriptor(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return os::fail_errno("make", "an epoll descriptor");
  start_ = std::chrono::steady_clock::now();
  for (std::size_t index = 0; index < connections_.size(); ++index) VIRGA_TRY(open(index));
  while (connecting_ > 0) {
    if (since_start() > kConnectTime) {
      return virga::fail(ErrorCode::Unavailable, "cannot connect to " + work_.target.host + ": " +
                                                     std::to_string(connecting_) +
                                                     " connections did not stand after 5 s");
    }
    wait();
    if (results_.connect_failures > 0) {
      return virga::fail(ErrorCode::Unavailable,
                         "cannot connect to " + work_.target.host + ": the connection was refused");
    }
  }
  results_ = {};
  return {};
}

// A failure to connect is found in the connection's state when the kernel told it later.
Result<> Sender::open(std::size_t index) {
  Connection& connection = connections_[index];
  connection.state = Connection::State::Closed;
  ++connection.generation;
  connection.socket =
      os::Descriptor(socket(work_.target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!connection.socket.valid()) return os::fail_errno("open", "a socket");
  int on = 1;
  setsockopt(connection.socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&work_.target.address);
  if (::connect(connection.socket.get(), address, work_.target.address_size) != 0 && errno != EINPROGRESS) {
    return os::fail_errno("connect to", work_.target.host);
  }
  connection.state = Connection::State::Connecting;
  ++connecting_;
  watch(connection, index, EPOLLIN | EPOLLOUT | EPOLLET, EPOLL_CTL_ADD);
  return {};
}

void Sender::reopen(std::size_t index) {
  if (!open(index)) {
    ++results_.connect_failures;
    connections_[index].socket.reset();  // sweep() tries again
  }
}

void Sender::watch(Connection& connection, std::size_t index, std::uint32_t events, int operation) {
  epoll_event event{.events = events, .data = {.u64 = (std::uint64_t{connection.generation} << 32) | index}};
  epoll_ctl(epoll_.get(), operation, connection.socket.get(), &event);
}

void Sender::run(Time start) {
  // The kernel may wake a thread 50 µs late unless told otherwise.
  prctl(PR_SET_TIMERSLACK, 1);
  start_ = start;
  last_wake_ = since_start();
  nanoseconds cpu = thread_cpu();
  while (true) {
    release_due();
    if (schedule_.finished() && busy_ == 0 && queue_.empty()) break;
    if (since_start() >= next_sweep_) sweep();
    wait();
  }
  results_.cpu = thread_cpu() - cpu;
  results_.elapsed = std::max(since_start() - work_.plan.ramp, work_.plan.length);
  if (work_.plan.at_once > 0) results_.elapsed = since_start();
}

void Sender::release_due() {
  while (!schedule_.finished()) {
    nanoseconds now = since_start();
    Due due{schedule_.next(), next_request_};
    if (due.intended > now) return;
    schedule_.advance();
    next_request_ = (next_request_ + request_step_) % work_.requests.size();
    if (is_measured(due)) {
      ++results_.scheduled;
      results_.lag.record(static_cast<std::uint64_t>((now - due.intended).count()));
    } else {
      ++results_.ramp_requests;
    }
    if (idle_.empty()) {
      queue_.push_back(due);
      ++results_.waited;
      results_.longest_queue = std::max<std::uint64_t>(results_.longest_queue, queue_.size());
      continue;
    }
    std::size_t index = idle_.front();
    idle_.pop_front();
    give(index, due);
  }
}

void Sender::give(std::size_t index, const Due& due) {
  Connection& connection = connections_[index];
  connection.state = Connection::State::Busy;
  connection.due = due;
  connection.sent = 0;
  connection.reader.reset();
  ++busy_;
  send_rest(index);
}

void Sender::send_rest(std::size_t index) {
  Connection& connection = connections_[index];
  const std::string& request = work_.requests[connection.due.request];
  while (connection.sent < request.size()) {
    ssize_t sent =
        send(connection.socket.get(), request.data() + connection.sent, request.size() - connection.sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return watch(connection, index, EPOLLIN | EPOLLOUT | EPOLLET, EPOLL_CTL_MOD);
      return end_connection(index, Failure::Broken);
    }
    connection.sent += static_cast<std::size_t>(sent);
  }
}

void Sender::become_free(std::size_t index) {
  if (queue_.empty()) {
    connections_[index].state = Connection::State::Idle;
    idle_.push_back(index);
    return;
  }
  Due due = queue_.front();
  queue_.pop_front();
  give(index, due);
}

void Sender::wait() {
  nanoseconds now = since_start();
  // A queue means that connections are short: then each answer is worth a wake-up.
  if (tick_ > nanoseconds(0) && queue_.empty() && now < last_wake_ + tick_) {
    timespec until = to_timespec((start_ + last_wake_ + tick_).time_since_epoch());
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    now = since_start();
  }
  nanoseconds next = now + kSweepEvery;
  if (!schedule_.finished()) next = std::min(next, schedule_.next());
  timespec timeout = to_timespec(std::max(next - now, nanoseconds(0)));
  std::array<epoll_event, kEvents> events;
  int count = epoll_pwait2(epoll_.get(), events.data(), kEvents, &timeout, nullptr);
  last_wake_ = since_start();
  for (int number = 0; number < count; ++number) {
    const epoll_event& event = events[static_cast<std::size_t>(number)];
    auto index = static_cast<std::size_t>(event.data.u64 & UINT32_MAX);
    if (connections_[index].generation == event.data.u64 >> 32) handle_event(index, event.events);
  }
}

void Sender::handle_event(std::size_t index, std::uint32_t events) {
  Connection& connection = connections_[index];
  if (connection.state == Connection::State::Connecting) {
    --connecting_;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0 || (events & EPOLLOUT) == 0) {
      ++results_.connect_failures;
      connection.state = Connection::State::Closed;
      connection.socket.reset();
      return;
    }
    watch(connection, index, EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
    become_free(index);
    return;
  }
  if ((events & EPOLLOUT) != 0 && connection.state == Connection::State::Busy) {
    std::uint32_t generation = connection.generation;
    watch(connection, index, EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
    send_rest(index);
    if (connection.generation != generation) return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(index);
}

void Sender::read(std::size_t index) {
  Connection& connection = connections_[index];
  while (true) {
    ssize_t got = recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end_connection(index, Failure::Broken);
    if (connection.state != Connection::State::Busy) return end_connection(index, Failure::Malformed);
    switch (connection.reader.read({buffer_.data(), static_cast<std::size_t>(got)})) {
      case ResponseReader::Progress::Complete:
        return complete(index);
      case ResponseReader::Progress::Malformed:
        return end_connection(index, Failure::Malformed);
      // A short read emptied the socket; the next bytes are a new event.
      case ResponseReader::Progress::Incomplete:
        if (static_cast<std::size_t>(got) < buffer_.size()) return;
    }
  }
}

void Sender::complete(std::size_t index) {
  Connection& connection = connections_[index];
  nanoseconds latency = since_start() - connection.due.intended;
  unsigned status = connection.reader.status();
  bool good = status >= 200 && status < 300;
  if (is_measured(connection.due)) {
    ++results_.statuses[std::min<std::size_t>(status, Results::kStatuses - 1)];
    ++(good ? results_.succeeded : results_.refused);
    if (good) results_.latency.record(static_cast<std::uint64_t>(latency.count()));
  } else if (!good) {
    ++results_.ramp_failures;
  }
  --busy_;
  if (connection.reader.closes_connection()) {
    ++results_.reconnects;
    return reopen(index);
  }
  become_free(index);
}

void Sender::fail_request(const Due& due, Failure failure) {
  if (!is_measured(due)) {
    ++results_.ramp_failures;
    return;
  }
  switch (failure) {
    case Failure::Broken:
      ++results_.broken;
      break;
    case Failure::TimedOut:
      ++results_.timed_out;
      break;
    case Failure::Malformed:
      ++results_.malformed;
      break;
    case Failure::Unsent:
      ++results_.unsent;
      break;
  }
}

void Sender::end_connection(std::size_t index, Failure failure) {
  Connection& connection = connections_[index];
  if (connection.state == Connection::State::Busy) {
    --busy_;
    fail_request(connection.due, failure);
  } else {
    std::erase(idle_, index);
  }
  ++results_.reconnects;
  reopen(index);
}

// What no event tells: requests that had no answer or no connection in time, and connections to be tried again.
void Sender::sweep() {
  nanoseconds now = since_start();
  next_sweep_ = now + kSweepEvery;
  while (!queue_.empty() && now - queue_.front().intended > work_.timeout) {
    fail_request(queue_.front(), Failure::Unsent);
    queue_.pop_front();
  }
  for (std::size_t index = 0; index < connections_.size(); ++index) {
    Connection& connection = connections_[index];
    if (connection.state == Connection::State::Busy && now - connection.due.intended > work_.timeout) {
      end_connection(index, Failure::TimedOut);
    } else if (connection.state == Connection::State::Closed) {
      reopen(index);
    }
  }
}

}  // namespace virga::load
