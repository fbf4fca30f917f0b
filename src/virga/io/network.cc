#include "virga/io/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "virga/os/errno.h"

namespace virga::io {
namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_UNSPEC;
};

Result<Address> parse_address(const std::string& text, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    address.family = AF_INET;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    address.family = AF_INET6;
  } else {
    return fail(ErrorCode::InvalidArgument, "'" + text + "' is no IPv4 or IPv6 address");
  }
  return address;
}

void set_no_delay(int fd) {
  int one = 1;
  // Unix sockets refuse it, and need it not.
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

}  // namespace

Result<Listener> Listener::listen(Loop& loop, const std::string& address, std::uint16_t port) {
  VIRGA_TRY_ASSIGN(auto place, parse_address(address, port));
  os::Descriptor socket(::socket(place.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return os::fail_errno("socket");
  int one = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  std::string subject = address + ":" + std::to_string(port);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&place.storage), place.size) != 0) {
    return os::fail_errno("listen on", subject);
  }
  if (::listen(socket.get(), 1024) != 0) return os::fail_errno("listen on", subject);
  return adopt(loop, std::move(socket));
}

Result<Listener> Listener::adopt(Loop& loop, os::Descriptor listening) {
  VIRGA_TRY_ASSIGN(auto readiness, Readiness::create(loop, std::move(listening)));
  return Listener(std::move(readiness));
}

Task<Result<Stream>> Listener::accept(Deadline deadline) {
  while (true) {
    if (!readiness_->descriptor().valid()) co_return fail(ErrorCode::Cancelled, "accept: the listener is closed");
    os::Descriptor accepted(::accept4(readiness_->descriptor().get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (accepted.valid()) {
      set_no_delay(accepted.get());
      co_return Stream::adopt(readiness_->loop(), std::move(accepted));
    }
    // A connection that ended before it was taken is not the listener's failure.
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) co_return os::fail_errno("accept");
    readiness_->drained();
    auto ready = co_await readiness_->readable(deadline);
    if (!ready) co_return std::unexpected(std::move(ready).error());
  }
}

std::uint16_t Listener::port() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (::getsockname(readiness_->descriptor().get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

Task<Result<Stream>> connect(Loop& loop, std::string address, std::uint16_t port, Deadline deadline) {
  VIRGA_CO_TRY_ASSIGN(auto place, parse_address(address, port));
  os::Descriptor socket(::socket(place.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) co_return os::fail_errno("socket");
  set_no_delay(socket.get());
  std::string subject = address + ":" + std::to_string(port);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&place.storage), place.size) != 0 && errno != EINPROGRESS) {
    co_return os::fail_errno("connect to", subject);
  }
  int fd = socket.get();
  VIRGA_CO_TRY_ASSIGN(auto stream, Stream::adopt(loop, std::move(socket)));
  while (true) {
    // A socket is writable when the attempt has ended; an early event of the unconnected socket says nothing.
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
      co_return fail(os::errno_error(error, "connect to", subject));
    }
    sockaddr_storage peer{};
    size = sizeof(peer);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0) co_return std::move(stream);
    stream.expect_writable();
    auto ready = co_await stream.writable(deadline);
    if (!ready) co_return fail(ready.error().with_context("connect to " + subject));
  }
}

std::string peer_address(const Stream& stream) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  char text[INET6_ADDRSTRLEN] = "";
  if (::getpeername(stream.descriptor().get(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, text, sizeof(text));
  } else if (storage.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr, text, sizeof(text));
  }
  return text;
}

}  // namespace virga::io
