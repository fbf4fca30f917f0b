#include <algorithm>

#include "virga/http/internal/connection.h"
#include "virga/http/internal/response_head.h"

namespace virga::http::internal {
namespace {

constexpr std::size_t kCopiedBody = 4096;  // a smaller body is cheaper to copy behind the head than to name apart
constexpr std::size_t kKeptOut = 16 << 10;

}  // namespace

Connection::Step Connection::end_of(const Answer& answer) const {
  if (answer.keep) return Step::Go;
  // A client that asked for the end has nothing more to say.
  return answer.response.close || request_.keep_alive ? Step::Linger : Step::Close;
}

void Connection::write_head(const Answer& answer, bool has_length, std::uint64_t length) {
  out_.clear();
  if (out_.capacity() > kKeptOut) out_.shrink_to_fit();
  append_head(out_, answer.response, date_);
  if (has_length) {
    out_ += "Content-Length: ";
    append_number(out_, length);
    out_ += "\r\n";
  } else if (answer.chunked) {
    out_ += "Transfer-Encoding: chunked\r\n";
  }
  if (!answer.keep) {
    out_ += "Connection: close\r\n";
  } else if (parser_.head().minor_version == 0) {
    out_ += "Connection: keep-alive\r\n";
  }
  out_ += "\r\n";
}

bool Connection::begin_response(Answer& answer) {
  auto& response = answer.response;
  if (response.status < 200 || response.status > 999) response = Response::make(500, "text/plain", "");
  bool speaks_11 = parser_.head().minor_version == 1;
  bool has_body = may_have_body(response.status) && request_.method != "HEAD";
  answer.streams = has_body && response.stream != nullptr;
  if (answer.streams) answer.stream_length = response.length;
  answer.chunked = answer.streams && !answer.stream_length && speaks_11;
  answer.keep = request_.keep_alive && !response.close && !draining_ && served_ < limits_.requests_per_connection;
  // To HTTP/1.0 the end of the connection is the end of such a body.
  if (answer.streams && !answer.stream_length && !speaks_11) answer.keep = false;

  bool has_length = may_have_body(response.status) && (response.stream == nullptr || response.length.has_value());
  auto length = response.stream == nullptr ? response.body.size() : response.length.value_or(0);
  if (!has_body && response.length) length = *response.length;
  if (response.status == 304) has_length = response.length.has_value();
  write_head(answer, has_length, length);

  if (has_body && !answer.streams) answer.body = response.body;
  if (answer.body.size() <= kCopiedBody) {
    out_ += answer.body;
    answer.body = {};
  }
  iovec parts[2] = {{out_.data(), out_.size()}, {const_cast<char*>(answer.body.data()), answer.body.size()}};
  auto written = stream_.try_write({parts, answer.body.empty() ? 1u : 2u});
  // A failed write fails again in finish_response, which ends the connection.
  answer.written = written.value_or(0);
  return !answer.streams && written && *written == out_.size() + answer.body.size();
}

io::Task<Connection::Step> Connection::finish_response(Answer& answer) {
  auto head_left = std::string_view(out_).substr(std::min(answer.written, out_.size()));
  auto body_left = answer.body.substr(answer.written - std::min(answer.written, out_.size()));
  iovec parts[2] = {{const_cast<char*>(head_left.data()), head_left.size()},
                    {const_cast<char*>(body_left.data()), body_left.size()}};
  if (!co_await write_all(parts)) co_return Step::Close;
  if (answer.streams) {
    auto* source = answer.response.stream.get();
    stream_.on_end([source] { source->cancel(); });
    bool whole = co_await send_stream(answer);
    stream_.on_end(nullptr);
    if (!whole) co_return Step::Close;
  }
  co_return end_of(answer);
}

io::Task<bool> Connection::send_stream(Answer& answer) {
  static constexpr std::string_view kEnd = "\r\n";
  static constexpr std::string_view kLast = "0\r\n\r\n";
  std::uint64_t sent = 0;
  while (true) {
    auto piece = co_await answer.response.stream->next();
    if (!piece) co_return false;
    if (piece->empty()) break;
    sent += piece->size();
    if (answer.stream_length && sent > *answer.stream_length) co_return false;
    out_.clear();
    if (answer.chunked) {
      append_number(out_, piece->size(), 16);
      out_ += kEnd;
    }
    iovec parts[3] = {{out_.data(), out_.size()},
                      {piece->data(), piece->size()},
                      {const_cast<char*>(kEnd.data()), answer.chunked ? kEnd.size() : 0}};
    if (!co_await write_all(parts)) co_return false;
  }
  if (answer.chunked) {
    iovec part{const_cast<char*>(kLast.data()), kLast.size()};
    co_return co_await write_all({&part, 1});
  }
  co_return !answer.stream_length || sent == *answer.stream_length;
}

io::Task<bool> Connection::write_all(std::span<iovec> parts) {
  while (true) {
    while (!parts.empty() && parts.front().iov_len == 0) parts = parts.subspan(1);
    if (parts.empty()) co_return true;
    auto count = stream_.try_write(parts);
    if (!count) co_return false;
    if (*count == 0) {
      bool forever = limits_.write_stall == Limits::Time::max();
      auto deadline = forever ? io::Deadline::never() : io::Deadline::at(stream_.loop().now() + limits_.write_stall);
      auto ready = co_await stream_.writable(deadline);
      if (!ready) {
        if (ready.error().code() == ErrorCode::DeadlineExceeded) ++counters_.too_slow;
        co_return false;
      }
      continue;
    }
    for (auto& part : parts) {
      auto taken = std::min(*count, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      *count -= taken;
    }
  }
}

}  // namespace virga::http::internal
