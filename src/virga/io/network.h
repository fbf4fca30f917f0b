#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "virga/io/readiness.h"
#include "virga/io/stream.h"
#include "virga/io/task.h"

namespace virga::io {

// Accepts connections. One loop; `close` ends a waiting accept with Cancelled.
class Listener {
 public:
  // ADDRESS is an IPv4 or IPv6 literal; port 0 takes a free one. A port in use is Unavailable and names it.
  static Result<Listener> listen(Loop& loop, const std::string& address, std::uint16_t port);
  // A socket that listens already, such as one made inside a network namespace.
  static Result<Listener> adopt(Loop& loop, os::Descriptor listening);

  Task<Result<Stream>> accept(Deadline deadline = Deadline::never());
  std::uint16_t port() const;  // 0 for sockets without one
  void close() { readiness_->close(); }

 private:
  explicit Listener(std::unique_ptr<Readiness> readiness) : readiness_(std::move(readiness)) {}
  std::unique_ptr<Readiness> readiness_;
};

// Connects to an IPv4 or IPv6 literal. No name is resolved here.
Task<Result<Stream>> connect(Loop& loop, std::string address, std::uint16_t port, Deadline deadline);

// The address of the other side ("127.0.0.1", "::1"), or "" for sockets without one.
std::string peer_address(const Stream& stream);

}  // namespace virga::io
