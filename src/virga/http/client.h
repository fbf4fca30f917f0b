#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/http/message.h"
#include "virga/io/network.h"
#include "virga/io/task.h"

namespace virga::http {

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";                                 // already encoded
  std::vector<std::pair<std::string, std::string>> fields;  // Host is added when it is not there
  std::string body;  // sent with Content-Length when it is not empty, or the method is POST, PUT or PATCH
  std::uint64_t max_response_body = 256u << 20;  // more is TooLarge
  // When set, takes the response body in pieces as they come instead of ClientResponse::body (2xx responses only).
  // False ends the request with Cancelled.
  std::function<bool(std::string_view piece)> on_body;
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string_view field(std::string_view name) const;  // first of this name (any case), or ""
};

// One client connection that is kept between requests. One loop, one request at a time; ends when it is destroyed,
// while no request is pending.
class Connection {
 public:
  // ADDRESS is an IPv4 or IPv6 literal. The first request connects.
  Connection(io::Loop& loop, std::string address, std::uint16_t port);
  // Over a stream that is connected already, such as one into a sandbox; `host` is what Host says.
  Connection(io::Stream stream, std::string host);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // Connects again when the server has closed the kept connection in between. A request that was sent is sent once more
  // only when it is idempotent (GET, HEAD, PUT, DELETE, OPTIONS) and nothing of an answer came. Errors: Unavailable
  // (cannot connect, or cut), DeadlineExceeded, TooLarge, Cancelled (by on_body), DataLoss (the answer is no HTTP/1.1),
  // InvalidArgument (the request cannot be written as HTTP).
  io::Task<Result<ClientResponse>> send(ClientRequest request, io::Deadline deadline);
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One request over a connection of its own.
io::Task<Result<ClientResponse>> send(io::Loop& loop, std::string address, std::uint16_t port, ClientRequest request,
                                      io::Deadline deadline);

}  // namespace virga::http
