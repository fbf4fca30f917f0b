#include "virga/http/client.h"

#include <algorithm>
#include <limits>

#include "virga/base/encoding.h"
#include "virga/http/internal/characters.h"
#include "virga/http/internal/chunked.h"
#include "virga/http/internal/head_parser.h"
#include "virga/http/internal/read_buffer.h"

namespace virga::http {

using internal::Framing;
using internal::HeadParser;
using internal::Progress;

namespace {

constexpr internal::Bounds kBounds{8 << 10, (64 << 10) - 1, 256};
constexpr std::size_t kBuffer = 64 << 10;
constexpr std::size_t kMaxExtra = 64 << 10;  // of chunk extensions and trailers

// What may be sent again when a kept connection ended without an answer (RFC 9110 §9.2.2).
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

Result<std::string> format_head(const ClientRequest& request, std::string_view host) {
  using internal::all_of;
  if (request.method.empty() || !all_of(request.method, internal::kToken)) {
    return fail(ErrorCode::InvalidArgument, "the method '" + request.method + "' is no token");
  }
  if (request.target.empty() || !all_of(request.target, internal::kQuery)) {
    return fail(ErrorCode::InvalidArgument, "the target '" + request.target + "' must be percent-encoded");
  }
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
  bool has_host = false;
  for (const auto& [name, value] : request.fields) {
    if (name.empty() || !all_of(name, internal::kToken) || !all_of(value, internal::kValue)) {
      return fail(ErrorCode::InvalidArgument, "the header '" + name + "' holds a character that may not be there");
    }
    if (equals_ignoring_case(name, "host")) has_host = true;
    if (equals_ignoring_case(name, "content-length") || equals_ignoring_case(name, "transfer-encoding")) continue;
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!has_host) head.append("Host: ").append(host).append("\r\n");
  bool has_body =
      !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (has_body) head.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  head += "\r\n";
  return head;
}

}  // namespace

std::string_view ClientResponse::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

struct Connection::State {
  State(io::Loop& l, std::string a, std::uint16_t p) : loop(&l), address(std::move(a)), port(p) {
    bool v6 = address.find(':') != std::string::npos;
    host = (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
  }
  State(io::Stream s, std::string h) : stream(std::move(s)), host(std::move(h)) {}

  io::Task<Result<ClientResponse>> exchange(const ClientRequest& request, std::string_view head, io::Deadline deadline);
  io::Task<Result<std::size_t>> read_more(io::Deadline deadline);
  io::Task<Result<>> read_head(bool& keep, ClientResponse& response, io::Deadline deadline);
  io::Task<Result<>> read_body(const ClientRequest& request, ClientResponse& response, bool& keep,
                               io::Deadline deadline);
  Result<> deliver(const ClientRequest& request, ClientResponse& response, std::string_view piece);
  Error cut() const {
    return Error(ErrorCode::Unavailable, host + " closed the connection before its answer was whole");
  }
  Error no_http(std::string_view why) const {
    return Error(ErrorCode::DataLoss, host + " did not answer in HTTP/1.1: " + std::string(why));
  }

  io::Loop* loop = nullptr;  // null: over a given stream, which cannot be made again
  std::string address;
  std::uint16_t port = 0;
  std::optional<io::Stream> stream;
  std::string host;
  internal::ReadBuffer buffer{kBuffer};
  HeadParser parser{HeadParser::Kind::Response, kBounds};
  bool answered = false;  // a byte of the answer has come
};

io::Task<Result<std::size_t>> Connection::State::read_more(io::Deadline deadline) {
  if (buffer.make_room()) parser.restart();
  auto count = co_await stream->read_some(buffer.room(), deadline);
  if (count) buffer.filled(*count);
  if (count && *count > 0) answered = true;
  co_return count;
}

io::Task<Result<>> Connection::State::read_head(bool& keep, ClientResponse& response, io::Deadline deadline) {
  while (true) {
    parser.restart();
    auto progress = buffer.unread().empty() ? Progress::NeedMore : parser.parse(buffer.unread());
    while (progress == Progress::NeedMore) {
      auto count = co_await read_more(deadline);
      if (!count) co_return fail(std::move(count).error());
      if (*count == 0) co_return fail(cut());
      progress = parser.parse(buffer.unread());
    }
    if (progress == Progress::Refused) co_return fail(no_http(parser.refusal().reason));
    const auto& head = parser.head();
    buffer.use(parser.size());
    if (head.status == 101) co_return fail(no_http("it switched the protocol unasked"));
    if (head.status < 200) continue;  // 100 Continue and 103 Early Hints come before the answer
    response.status = head.status;
    for (const auto& field : head.fields) response.fields.emplace_back(field.name, field.value);
    keep = head.keep_alive;
    co_return Result<>();
  }
}

Result<> Connection::State::deliver(const ClientRequest& request, ClientResponse& response, std::string_view piece) {
  if (piece.empty()) return {};
  if (request.on_body && response.status / 100 == 2) {
    if (!request.on_body(piece)) return fail(ErrorCode::Cancelled, "the reader of the answer gave it up");
    return {};
  }
  if (response.body.size() + piece.size() > request.max_response_body) {
    return fail(ErrorCode::TooLarge,
                "the answer of " + host + " is larger than " + std::to_string(request.max_response_body) + " bytes");
  }
  response.body += piece;
  return {};
}

io::Task<Result<>> Connection::State::read_body(const ClientRequest& request, ClientResponse& response, bool& keep,
                                                io::Deadline deadline) {
  const auto& head = parser.head();
  if (request.method == "HEAD" || response.status == 204 || response.status == 304) co_return Result<>();
  auto framing = head.framing;
  std::uint64_t left = framing == Framing::Length ? head.content_length : std::numeric_limits<std::uint64_t>::max();
  internal::ChunkedDecoder decoder(left, kMaxExtra);
  std::string joined;
  if (framing == Framing::None) keep = false;  // the end of the connection is the end of the body
  while (left > 0) {
    if (buffer.unread().empty()) {
      auto count = co_await read_more(deadline);
      if (!count) co_return fail(std::move(count).error());
      if (*count == 0 && framing == Framing::None) break;
      if (*count == 0) co_return fail(cut());
    }
    auto piece = buffer.unread().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, kBuffer)));
    if (framing == Framing::Chunked) {
      joined.clear();
      std::size_t used = 0;
      auto progress = decoder.feed(piece, joined, used);
      if (progress == Progress::Refused) co_return fail(no_http(decoder.refusal().reason));
      if (progress == Progress::Done) left = 0;
      VIRGA_CO_TRY(deliver(request, response, joined));
      buffer.use(used);
    } else {
      VIRGA_CO_TRY(deliver(request, response, piece));
      if (framing == Framing::Length) left -= piece.size();
      buffer.use(piece.size());
    }
  }
  co_return Result<>();
}

io::Task<Result<ClientResponse>> Connection::State::exchange(const ClientRequest& request, std::string_view head,
                                                             io::Deadline deadline) {
  answered = false;
  auto written = co_await stream->write(head, deadline);
  if (written && !request.body.empty()) written = co_await stream->write(request.body, deadline);
  if (!written && written.error().code() == ErrorCode::DeadlineExceeded) co_return fail(std::move(written).error());
  // A server that refuses a request may stop reading it: its answer is there although the write failed.
  ClientResponse response;
  bool keep = false;
  auto read = co_await read_head(keep, response, deadline);
  if (!read && !written) co_return fail(written.error().with_context("sending to " + host));
  if (read) read = co_await read_body(request, response, keep, deadline);
  if (!read) co_return fail(std::move(read).error());
  if (!keep || !written || !buffer.unread().empty()) stream->close();
  co_return std::move(response);
}

Connection::Connection(io::Loop& loop, std::string address, std::uint16_t port)
    : state_(std::make_unique<State>(loop, std::move(address), port)) {}
Connection::Connection(io::Stream stream, std::string host)
    : state_(std::make_unique<State>(std::move(stream), std::move(host))) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

void Connection::close() {
  if (state_->stream) state_->stream->close();
}

io::Task<Result<ClientResponse>> Connection::send(ClientRequest request, io::Deadline deadline) {
  auto& state = *state_;
  VIRGA_CO_TRY_ASSIGN(auto head, format_head(request, state.host));
  while (true) {
    bool kept = state.stream && !state.stream->ended();
    if (!kept) {
      if (state.loop == nullptr)
        co_return fail(ErrorCode::Unavailable, "the connection to " + state.host + " has ended");
      state.stream.reset();
      auto connected = co_await io::connect(*state.loop, state.address, state.port, deadline);
      if (!connected) co_return fail(std::move(connected).error());
      state.stream.emplace(std::move(*connected));
      state.buffer = internal::ReadBuffer(kBuffer);
    }
    auto response = co_await state.exchange(request, head, deadline);
    if (response) co_return response;
    state.stream->close();
    bool again = kept && state.loop != nullptr && !state.answered && is_idempotent(request.method) &&
                 response.error().code() == ErrorCode::Unavailable;
    if (!again) co_return response;
  }
}

io::Task<Result<ClientResponse>> send(io::Loop& loop, std::string address, std::uint16_t port, ClientRequest request,
                                      io::Deadline deadline) {
  Connection connection(loop, std::move(address), port);
  auto response = co_await connection.send(std::move(request), deadline);
  co_return response;
}

}  // namespace virga::http
