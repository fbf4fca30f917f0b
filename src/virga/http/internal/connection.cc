#include "virga/http/internal/connection.h"

#include <sys/socket.h>

#include <algorithm>

#include "virga/http/internal/streamed_body.h"

namespace virga::http::internal {
namespace {

constexpr std::size_t kBodyStep = 64 << 10;
constexpr std::size_t kKeptBody = 64 << 10;  // a body buffer larger than this is given back after its request
constexpr std::uint64_t kBurst = 32;         // requests served from one wait, before others have their turn
// A closed socket with unread bytes is reset, and the reset may overtake the response: so what still comes is read and
// dropped for a while.
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::size_t kLingerBytes = 16u << 20;

// Lets the other coroutines of the loop run.
struct Yield {
  io::Loop& loop;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) { loop.resume_soon(handle); }
  void await_resume() {}
};

io::Deadline after(SteadyTime start, Limits::Time time) {
  if (time == Limits::Time::max()) return io::Deadline::never();
  return io::Deadline::at(start + time);
}

bool is_nothing_yet(const Result<std::size_t>& result) {
  return !result && result.error().code() == ErrorCode::Unavailable;
}

}  // namespace

Connection::Connection(io::Stream stream, std::string peer, Handler& handler, const Limits& limits, DateLine& date,
                       Counters& counters)
    : stream_(std::move(stream)),
      peer_(std::move(peer)),
      handler_(handler),
      limits_(limits),
      date_(date),
      counters_(counters),
      // One byte more than a header may have, so that one that is too long is noticed before the buffer is full.
      buffer_(std::max(limits.header_bytes + 1, ReadBuffer::kFirst)),
      parser_(HeadParser::Kind::Request, Bounds{limits.request_line_bytes, limits.header_bytes, limits.fields}),
      overlap_(stream_, handler, limits, date) {}

void Connection::drain() {
  draining_ = true;
  if (!idle_) return;
  // A request that has arrived and was not seen yet is still answered.
  char byte;
  if (::recv(stream_.descriptor().get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) stream_.close();
}

io::Task<void> Connection::run() {
  auto step = Step::Go;
  while (step == Step::Go) {
    step = co_await serve_request();
    if (step == Step::Go && served_ % kBurst == 0 && !buffer_.unread().empty()) {
      Yield yield{stream_.loop()};
      co_await yield;
    }
  }
  if (!co_await overlap_.all_answered()) step = Step::Close;
  if (step == Step::Linger) co_await linger();
  stream_.close();
}

io::Task<Connection::Step> Connection::serve_request() {
  // The common case is inside this one coroutine frame: the head and the body come with one read.
  parser_.restart();
  auto progress = buffer_.unread().empty() ? Progress::NeedMore : parser_.parse(buffer_.unread());
  // What has come already may go beside what is being handled; nothing is waited for before that is answered.
  while (progress == Progress::NeedMore && !overlap_.empty() && !overlap_.full()) {
    auto count = fill(buffer_);
    if (!count || *count == 0) {
      if (!co_await overlap_.all_answered() || !is_nothing_yet(count)) co_return Step::Close;
      break;
    }
    progress = parser_.parse(buffer_.unread());
  }
  if (overlap_.full() && !co_await overlap_.all_answered()) co_return Step::Close;
  if (progress == Progress::NeedMore) {
    idle_ = buffer_.unread().empty();
    auto started = stream_.loop().now();
    bool timed = !idle_;  // the time for the head begins with its first byte
    while (progress == Progress::NeedMore) {
      if (draining_ && idle_) co_return Step::Close;
      auto ready = co_await stream_.readable(after(started, timed ? limits_.header_time : limits_.idle));
      if (!ready) {
        if (!timed || ready.error().code() != ErrorCode::DeadlineExceeded) co_return Step::Close;
        co_return co_await refuse(Refusal{408, "the header took too long"});
      }
      if (!timed) started = stream_.loop().now();
      auto count = fill(buffer_);
      if (is_nothing_yet(count)) continue;
      if (!count || *count == 0) co_return Step::Close;
      idle_ = false;
      timed = true;
      progress = parser_.parse(buffer_.unread());
    }
  }
  if (progress == Progress::Refused) {
    if (!overlap_.empty() && !co_await overlap_.all_answered()) co_return Step::Close;
    co_return co_await refuse(parser_.refusal());
  }

  set_request();
  auto admission = handler_.admit(request_);
  const auto& head = parser_.head();
  if (may_overlap(admission, buffer_.unread().substr(parser_.size()))) {
    auto size = parser_.size() + static_cast<std::size_t>(head.content_length);
    request_.body = buffer_.unread().substr(parser_.size(), static_cast<std::size_t>(head.content_length));
    ++served_;
    ++counters_.requests;
    overlap_.add(request_, buffer_.unread().substr(0, size));
    in_use_ = size;
    forget_request();
    co_return Step::Go;
  }
  if (!overlap_.empty() && !co_await overlap_.all_answered()) co_return Step::Close;
  if (admission.refusal) {
    ++counters_.refused;
    Answer answer{std::move(*admission.refusal)};
    answer.response.close = true;
    if (!begin_response(answer)) co_await finish_response(answer);
    co_return Step::Linger;
  }
  auto in_buffer = buffer_.unread().substr(parser_.size());
  bool has_body = head.framing == Framing::Chunked || head.content_length > 0;
  if (admission.body == Admission::Body::Streamed && has_body && head.content_length <= admission.max_body) {
    co_return co_await serve_streamed(admission.max_body, in_buffer);
  }
  if (head.framing == Framing::Chunked) {
    auto step = co_await read_chunked(admission.max_body, in_buffer);
    if (step != Step::Go) co_return step;
  } else if (head.content_length > admission.max_body) {
    co_return co_await refuse(Refusal{413, "the body is too large"});
  } else if (head.content_length > in_buffer.size()) {
    auto step = co_await read_length(head.content_length, in_buffer);
    if (step != Step::Go) co_return step;
  } else {
    request_.body = in_buffer.substr(0, static_cast<std::size_t>(head.content_length));
    in_use_ += request_.body.size();
  }

  ++served_;
  ++counters_.requests;
  Answer answer{co_await handler_.handle(request_)};
  stream_.on_end(nullptr);
  auto step = begin_response(answer) ? end_of(answer) : co_await finish_response(answer);
  forget_request();
  co_return step;
}

// Only where it is worth a copy of the request: with another one under way, or behind it.
bool Connection::may_overlap(const Admission& admission, std::string_view in_buffer) const {
  const auto& head = parser_.head();
  if (admission.order != Admission::Order::MayOverlap || admission.refusal || draining_) return false;
  if (head.framing == Framing::Chunked || head.content_length > in_buffer.size()) return false;
  if (head.content_length > admission.max_body || !head.keep_alive || head.minor_version == 0) return false;
  if (head.method == "HEAD" || served_ + 1 >= limits_.requests_per_connection) return false;
  return !overlap_.empty() || in_buffer.size() > head.content_length;
}

io::Task<Connection::Step> Connection::serve_streamed(std::uint64_t max_body, std::string_view in_buffer) {
  StreamedBody body(stream_, limits_, counters_, parser_.head(), in_buffer, max_body);
  request_.stream = &body;
  ++served_;
  ++counters_.requests;
  Answer answer{co_await handler_.handle(request_)};
  stream_.on_end(nullptr);
  request_.stream = nullptr;
  if (!body.skip_rest()) answer.response.close = true;
  in_use_ += body.used();
  auto step = begin_response(answer) ? end_of(answer) : co_await finish_response(answer);
  next_buffer_ = body.take_rest();
  forget_request();
  co_return step;
}

void Connection::set_request() {
  const auto& head = parser_.head();
  request_.method = head.method;
  request_.target = head.target;
  request_.path = head.path;
  request_.query = head.query;
  request_.has_query = head.has_query;
  request_.fields = head.fields;
  request_.head = buffer_.unread().substr(0, parser_.size());
  request_.body = {};
  request_.peer = peer_;
  request_.keep_alive = head.keep_alive;
  request_.connection = &stream_;
  in_use_ = parser_.size();
}

void Connection::forget_request() {
  buffer_.use(in_use_);
  if (next_buffer_) {
    if (!next_buffer_->unread().empty()) std::swap(buffer_, *next_buffer_);
    next_buffer_.reset();
  }
  if (body_.capacity() > kKeptBody) std::string().swap(body_);
}

Result<std::size_t> Connection::fill(ReadBuffer& buffer) {
  if (buffer.make_room()) parser_.restart();
  auto count = stream_.try_read(buffer.room());
  if (count) buffer.filled(*count);
  return count;
}

io::Deadline Connection::body_deadline(std::size_t received) const {
  if (limits_.body_grace == Limits::Time::max()) return io::Deadline::never();
  auto earned = std::chrono::milliseconds(received * 1000 / std::max<std::uint64_t>(limits_.body_bytes_per_second, 1));
  return io::Deadline::at(body_started_ + limits_.body_grace + earned);
}

void Connection::continue_request() {
  body_started_ = stream_.loop().now();
  body_.clear();
  // A client that has begun to send the body does not wait for this. The socket is empty, so it takes these bytes; if
  // it does not, the client goes on after its own time.
  if (!parser_.head().expects_continue || buffer_.unread().size() > parser_.size()) return;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  iovec part{const_cast<char*>(kContinue.data()), kContinue.size()};
  (void)stream_.try_write({&part, 1});
}

io::Task<Connection::Step> Connection::read_length(std::uint64_t size, std::string_view in_buffer) {
  continue_request();
  body_ = in_buffer;
  in_use_ += in_buffer.size();
  while (body_.size() < size) {
    auto ready = co_await stream_.readable(body_deadline(body_.size()));
    if (!ready && ready.error().code() != ErrorCode::DeadlineExceeded) co_return Step::Close;
    if (!ready) co_return co_await refuse(Refusal{408, "the body came too slowly"});
    // Memory follows what has come, not what was announced.
    auto old = body_.size();
    auto step = static_cast<std::size_t>(std::min<std::uint64_t>(size - old, std::max(old, kBodyStep)));
    Result<std::size_t> count = 0;
    body_.resize_and_overwrite(old + step, [&](char* bytes, std::size_t) {
      count = stream_.try_read({bytes + old, step});
      return old + count.value_or(0);
    });
    if (is_nothing_yet(count)) continue;
    if (!count || *count == 0) co_return Step::Close;
  }
  request_.body = body_;
  co_return Step::Go;
}

io::Task<Connection::Step> Connection::read_chunked(std::uint64_t max_body, std::string_view in_buffer) {
  continue_request();
  ChunkedDecoder decoder(max_body, limits_.header_bytes);
  std::size_t used = 0;
  std::size_t received = in_buffer.size();
  auto progress = decoder.feed(in_buffer, body_, used);
  in_use_ += used;
  if (progress == Progress::NeedMore) next_buffer_ = std::make_unique<ReadBuffer>(kBodyStep);
  while (progress == Progress::NeedMore) {
    auto ready = co_await stream_.readable(body_deadline(received));
    if (!ready && ready.error().code() != ErrorCode::DeadlineExceeded) co_return Step::Close;
    if (!ready) co_return co_await refuse(Refusal{408, "the body came too slowly"});
    (void)next_buffer_->make_room();
    auto count = stream_.try_read(next_buffer_->room());
    if (is_nothing_yet(count)) continue;
    if (!count || *count == 0) co_return Step::Close;
    received += *count;
    next_buffer_->filled(*count);
    progress = decoder.feed(next_buffer_->unread(), body_, used);
    next_buffer_->use(used);
  }
  if (progress == Progress::Refused) co_return co_await refuse(decoder.refusal());
  request_.body = body_;
  co_return Step::Go;
}

io::Task<Connection::Step> Connection::refuse(Refusal refusal) {
  switch (refusal.status) {
    case 408:
      ++counters_.too_slow;
      break;
    case 413:
      ++counters_.body_too_large;
      break;
    case 414:
      ++counters_.uri_too_long;
      break;
    case 431:
      ++counters_.header_too_large;
      break;
    default:
      ++counters_.malformed;
      break;
  }
  request_.method = {};
  std::string text = std::to_string(refusal.status);
  text.append(" ").append(reason_phrase(refusal.status)).append(": ").append(refusal.reason).append("\n");
  Answer answer{Response::make(refusal.status, "text/plain; charset=utf-8", std::move(text))};
  answer.response.close = true;
  if (!begin_response(answer)) co_await finish_response(answer);
  co_return Step::Linger;
}

io::Task<void> Connection::linger() {
  if (!stream_.is_open()) co_return;
  stream_.shutdown_write();
  auto deadline = io::Deadline::at(stream_.loop().now() + kLingerTime);
  std::size_t dropped = 0;
  auto bytes = std::make_unique_for_overwrite<char[]>(kBodyStep);
  while (dropped < kLingerBytes) {
    auto ready = co_await stream_.readable(deadline);
    if (!ready) co_return;
    auto count = stream_.try_read({bytes.get(), kBodyStep});
    if (is_nothing_yet(count)) continue;
    if (!count || *count == 0) co_return;
    dropped += *count;
  }
}

}  // namespace virga::http::internal
