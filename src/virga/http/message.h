#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "virga/io/stream.h"
#include "virga/io/task.h"

namespace virga::http {

struct Field {
  std::string_view name;   // as the sender wrote it
  std::string_view value;  // without the white space around it
};

// The value of the first field of this name (any case), or "".
std::string_view find_field(std::span<const Field> fields, std::string_view name);

// A request body that is taken piece by piece, so that it need not fit into memory.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next bytes, which are valid until the next call; none at the end. An error (DeadlineExceeded: it comes too
  // slowly; Cancelled: the client is gone; InvalidArgument, TooLarge: of a chunked body) is for good. The connection is
  // closed behind the response unless the end was reached.
  virtual io::Task<Result<std::string_view>> next() = 0;
};

// One request as it came. Every view lives until the handler's task has ended; nothing here is decoded, joined or
// normalised. One loop. A plain struct, so that a test of a handler can fill one in.
struct Request {
  std::string_view method;  // case matters (RFC 9110 §9.1)
  std::string_view target;  // the whole request target
  std::string_view path;    // raw, still percent-encoded; begins with '/', or is "*" for OPTIONS
  std::string_view query;   // raw, without the '?'
  bool has_query = false;   // tells "/a?" from "/a"
  std::span<const Field> fields;
  std::string_view head;  // all of the above as it came: request line and fields; "" where a test made them
  std::string_view body;  // whole; a chunked body is joined, its trailers are checked and dropped
  // Instead of `body`, if the handler's admission asked for it and there is a body.
  BodyReader* stream = nullptr;
  std::string_view peer;  // the other side's address without a port; "" for sockets without one
  bool keep_alive = true;

  std::string_view field(std::string_view name) const { return find_field(fields, name); }

  // True once the other side has closed its connection, or half of it: nobody is likely to read the answer. Cheap.
  bool peer_gone() const { return connection != nullptr && connection->ended(); }
  // Calls `work` once, on the loop, when that happens or when the server gives the connection up at its stop; at once
  // if it has happened. A handler that waits long (a hanging GET) must end then. It is forgotten when the handler's
  // task has ended; `work` must not destroy anything of the connection: set an io::Event.
  void on_peer_gone(std::function<void()> work) const;

  io::Stream* connection = nullptr;  // of the server; null in tests
};

// A response body made piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // The next piece; an empty one is the end. After an error the connection is cut, so that the client sees that the
  // body is not whole.
  virtual io::Task<Result<std::string>> next() = 0;
  // The peer has gone: a pending next() must end soon. Called inside the loop, at most once.
  virtual void cancel() {}
};

struct Response {
  int status = 200;
  std::string fields;  // "Name: value\r\n" for each; use add()
  std::string body;
  std::unique_ptr<BodySource> stream;  // instead of body: sent chunked, or plain when `length` is known
  // The size of the stream in bytes, or what a HEAD request is told. Never for a `body`.
  std::optional<std::uint64_t> length;
  bool close = false;  // end the connection behind this response

  // False, and nothing changed, when the field cannot be sent: the name is no token, the value holds a control
  // character, or it is one that the server writes itself (Date, Connection, Content-Length, Transfer-Encoding,
  // Keep-Alive, Upgrade, Trailer).
  bool add(std::string_view name, std::string_view value);
  std::string_view field(std::string_view name) const;  // first of this name (any case), or ""

  static Response make(int status, std::string_view content_type, std::string body);
};

// "Not Found" for 404; "Unknown" for numbers without a name.
std::string_view reason_phrase(int status);

}  // namespace virga::http
