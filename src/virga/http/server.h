#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "virga/http/message.h"
#include "virga/io/network.h"
#include "virga/io/task.h"

namespace virga::http {

// 6 MiB, AWS Lambda's limit of a synchronous payload, and room for what a dialect wraps around it.
inline constexpr std::uint64_t kDefaultMaxBody = (6u << 20) + (64u << 10);

// What a handler decides when it has seen the head of a request and before its body is read.
struct Admission {
  std::uint64_t max_body = kDefaultMaxBody;  // bytes; a longer body gets 413 and the connection is closed
  std::optional<Response> refusal;           // sent instead of calling handle(), and the connection is closed
  enum class Body { Whole, Streamed };
  Body body = Body::Whole;  // Streamed: handle() gets it as Request::stream
  // MayOverlap: if a client sends its next request before it has the answer to this one, both may be handled at a time.
  // They begin in their order and are answered in it. The response has no stream, and nobody is told that the client
  // has gone.
  enum class Order { OneByOne, MayOverlap };
  Order order = Order::OneByOne;
};

// Answers requests. One loop (that of the server); outlives the servers that use it.
class Handler {
 public:
  virtual ~Handler() = default;
  // May take as long as it likes: no timeout runs meanwhile. Requests of one connection come one after the other,
  // but for those that were admitted otherwise.
  virtual io::Task<Response> handle(const Request& request) = 0;
  // `head` has no body yet.
  virtual Admission admit(const Request& head) {
    (void)head;
    return {};
  }
};

// What a server bears before it refuses. The defaults are for clients nobody knows; a time of max() means never.
struct Limits {
  using Time = std::chrono::milliseconds;

  std::size_t request_line_bytes = std::size_t{8} * 1024;  // 414
  std::size_t header_bytes = std::size_t{16} * 1024;       // request line and fields together: 431
  std::size_t fields = 100;                                // 431
  Time header_time{10'000};  // from the first byte of a request to the end of its head: 408
  Time body_grace{5'000};    // a body may stall this long; then it must keep the rate below: 408
  std::uint64_t body_bytes_per_second = 1024;
  Time idle{60'000};         // between two requests; then the connection is closed without a word
  Time write_stall{30'000};  // the peer takes no byte of the response for this long; then the connection is cut
  // Then the connection is closed. Vendors' SDKs and load generators hold connections for a whole run, and a close
  // costs both sides a handshake, so this only bounds how long one connection may stay on one loop.
  std::uint64_t requests_per_connection = 1'000'000;
  std::size_t connections_per_address = 256;  // more are closed as they come
  bool loopback_exempt = true;                // from connections_per_address
  // At this number the server stops accepting until one ends. 0: four fifths of the open files the process may have.
  std::size_t connections = 0;
};

// What happened since the start. Read on the server's loop.
struct Counters {
  std::uint64_t accepted = 0;
  std::uint64_t open = 0;
  std::uint64_t refused_by_address = 0;  // connections over connections_per_address
  std::uint64_t accept_pauses = 0;       // times the limit of connections or of open files was reached
  std::uint64_t requests = 0;            // handed to the handler
  std::uint64_t malformed = 0;           // 400, 501, 505 by the server itself
  std::uint64_t uri_too_long = 0;        // 414
  std::uint64_t header_too_large = 0;    // 431
  std::uint64_t body_too_large = 0;      // 413
  std::uint64_t refused = 0;             // by Handler::admit
  std::uint64_t too_slow = 0;            // 408, and peers that did not take their response
};

// Speaks HTTP/1.1 (RFC 9112) and 1.0 on the connections of its listeners. One loop. Owner: await stop() before it is
// destroyed.
class Server {
 public:
  Server(io::Loop& loop, Handler& handler, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Starts to accept; may be called for several listeners.
  void serve(io::Listener listener);
  // Serves a connection that someone else accepted.
  void adopt(io::Stream stream);

  // Stops accepting, closes idle connections, lets requests in flight end within `grace` and closes the others; then
  // waits for their handlers, which learn it through Request::on_peer_gone.
  io::Task<void> stop(std::chrono::milliseconds grace);

  const Counters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Serves one connection until it ends, without a Server. `handler` and `limits` outlive the task. To end it from
// outside use Server::adopt.
io::Task<void> serve_connection(io::Stream stream, Handler& handler, const Limits& limits);

}  // namespace virga::http
