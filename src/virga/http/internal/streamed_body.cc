#include "virga/http/internal/streamed_body.h"

#include <algorithm>
#include <utility>

namespace virga::http::internal {
namespace {

constexpr std::size_t kStep = 256 << 10;

}  // namespace

StreamedBody::StreamedBody(io::Stream& stream, const Limits& limits, Counters& counters, const Head& head,
                           std::string_view in_buffer, std::uint64_t max_body)
    : stream_(stream),
      limits_(limits),
      counters_(counters),
      head_(head),
      in_buffer_(in_buffer),
      left_(head.content_length),
      decoder_(max_body, limits.header_bytes) {}

io::Task<Result<std::string_view>> StreamedBody::next() {
  return head_.framing == Framing::Chunked ? next_of_chunks() : next_of_length();
}

std::unexpected<Error> StreamedBody::give_up(ErrorCode code, std::string_view reason) {
  has_failed_ = true;
  return fail(code, std::string(reason));
}

io::Deadline StreamedBody::deadline() const {
  if (limits_.body_grace == Limits::Time::max()) return io::Deadline::never();
  auto earned = std::chrono::milliseconds(received_ * 1000 / std::max<std::uint64_t>(limits_.body_bytes_per_second, 1));
  return io::Deadline::at(stream_.loop().now() + limits_.body_grace + earned - waited_);
}

void StreamedBody::ask_to_continue() {
  // A client that has begun to send the body does not wait for this. The socket is empty, so it takes these bytes; if
  // it does not, the client goes on after its own time.
  if (std::exchange(has_asked_, true) || !head_.expects_continue || !in_buffer_.empty()) return;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  iovec part{const_cast<char*>(kContinue.data()), kContinue.size()};
  (void)stream_.try_write({&part, 1});
}

io::Task<Result<std::size_t>> StreamedBody::read(std::span<char> place) {
  if (has_failed_) co_return give_up(ErrorCode::Cancelled, "the body could not be read to its end");
  ask_to_continue();
  while (true) {
    auto before = stream_.loop().now();
    auto ready = co_await stream_.readable(deadline());
    waited_ += stream_.loop().now() - before;
    if (!ready && ready.error().code() == ErrorCode::DeadlineExceeded) {
      ++counters_.too_slow;
      co_return give_up(ErrorCode::DeadlineExceeded, "the body came too slowly");
    }
    auto count = ready ? stream_.try_read(place) : Result<std::size_t>(std::size_t{0});
    if (!count && count.error().code() == ErrorCode::Unavailable) continue;
    if (!count || *count == 0) {
      co_return give_up(ErrorCode::Cancelled, "the client closed the connection before the end of the body");
    }
    received_ += *count;
    co_return count;
  }
}

io::Task<Result<std::string_view>> StreamedBody::next_of_length() {
  if (!std::exchange(has_begun_, true)) {
    used_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in_buffer_.size()));
    left_ -= used_;
    received_ = used_;
    if (used_ > 0) co_return in_buffer_.substr(0, used_);
  }
  if (left_ == 0) co_return std::string_view();
  // Memory follows what is to come.
  auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kStep));
  if (piece_.size() < wanted) piece_.resize(wanted);
  auto count = co_await read({piece_.data(), wanted});
  if (!count) co_return std::unexpected(count.error());
  left_ -= *count;
  co_return std::string_view(piece_).substr(0, *count);
}

io::Task<Result<std::string_view>> StreamedBody::next_of_chunks() {
  piece_.clear();
  std::size_t used = 0;
  if (!std::exchange(has_begun_, true)) {
    received_ = in_buffer_.size();
    progress_ = decoder_.feed(in_buffer_, piece_, used_);
    if (progress_ == Progress::NeedMore) chunks_ = std::make_unique<ReadBuffer>(kStep);
  }
  while (progress_ == Progress::NeedMore && piece_.empty()) {
    if (chunks_->unread().empty()) {
      (void)chunks_->make_room();
      auto count = co_await read(chunks_->room());
      if (!count) co_return std::unexpected(count.error());
      chunks_->filled(*count);
    }
    progress_ = decoder_.feed(chunks_->unread(), piece_, used);
    chunks_->use(used);
  }
  if (progress_ == Progress::Refused) {
    bool is_large = decoder_.refusal().status == 413;
    ++(is_large ? counters_.body_too_large : counters_.malformed);
    co_return give_up(is_large ? ErrorCode::TooLarge : ErrorCode::InvalidArgument, decoder_.refusal().reason);
  }
  co_return std::string_view(piece_);
}

bool StreamedBody::skip_rest() {
  if (has_failed_) return false;
  if (head_.framing != Framing::Chunked) {
    if (!has_begun_ && left_ <= in_buffer_.size()) {
      used_ = static_cast<std::size_t>(left_);
      left_ = 0;
    }
    return left_ == 0;
  }
  if (!std::exchange(has_begun_, true)) progress_ = decoder_.feed(in_buffer_, piece_, used_);
  return progress_ == Progress::Done;
}

}  // namespace virga::http::internal
