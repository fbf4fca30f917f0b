#include "virga/runtime/contracts/frames_channel.h"

#include <memory>
#include <utility>

namespace virga::runtime {
namespace {

constexpr std::size_t kReadSize = 64 << 10;

}  // namespace

FramesChannel::FramesChannel(io::Stream stream, ContractSink& sink)
    : stream_(std::move(stream)), sink_(&sink), tasks_(stream_.loop()) {}

void FramesChannel::start() {
  tasks_.add(read());
}

void FramesChannel::bind(std::string_view body) {
  append_frame(out_, FrameType::Bind, 0, body);
  flush_later();
}

void FramesChannel::rehearse() {
  append_frame(out_, FrameType::Rehearse, 0, {});
  flush_later();
}

void FramesChannel::invoke(std::uint64_t number, const model::Invocation& invocation, std::int64_t deadline_unix_ms) {
  flush_later();
  if (!takes_forms_ || invocation.form == nullptr || invocation.form->number == 0) {
    append_invoke(out_, number, invocation, deadline_unix_ms);
    return;
  }
  const auto& form = *invocation.form;
  auto place = static_cast<std::uint32_t>(form.number % kForms);
  auto& given = forms_[place];
  if (given.number != form.number) {
    given = {form.number, false};
    append_invoke(out_, number, invocation, deadline_unix_ms);
    return;
  }
  if (!std::exchange(given.is_told, true)) append_frame(out_, FrameType::Form, place, form.text);
  append_invoke_with_form(out_, number, invocation, deadline_unix_ms, place);
}

void FramesChannel::end() {
  append_frame(out_, FrameType::End, 0, {});
  flush_later();
}

void FramesChannel::flush_later() {
  if (flush_planned_ || writing_ || !stream_.is_open()) return;
  flush_planned_ = true;
  // The flag is shared because the channel may be gone by the end of the round.
  stream_.loop().at_end_of_round([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    flush_planned_ = false;
    flush();
  });
}

void FramesChannel::flush() {
  while (written_ < out_.size()) {
    iovec part{out_.data() + written_, out_.size() - written_};
    auto count = stream_.try_write({&part, 1});
    // A process that no longer reads is found by the reader, which sees the end of the stream.
    if (!count) break;
    if (*count == 0) {
      writing_ = true;
      tasks_.add(write_rest());
      return;
    }
    written_ += *count;
  }
  out_.clear();
  written_ = 0;
  if (out_.capacity() > (1u << 20)) out_.shrink_to_fit();
}

io::Task<void> FramesChannel::write_rest() {
  auto ready = co_await stream_.writable();
  writing_ = false;
  if (ready) flush();
}

io::Task<void> FramesChannel::read() {
  // Grown when a frame does not fit; what is not decoded yet is moved to its beginning.
  std::string buffer(kReadSize, '\0');
  std::size_t filled = 0;
  while (true) {
    if (buffer.size() - filled < kReadSize / 4) buffer.resize(buffer.size() * 2);
    auto count = co_await stream_.read_some({buffer.data() + filled, buffer.size() - filled});
    if (!count || *count == 0) {
      if (!count && count.error().code() == ErrorCode::Cancelled) co_return;  // closed by stop()
      sink_->contract_closed();
      co_return;
    }
    filled += *count;
    std::string_view rest(buffer.data(), filled);
    while (true) {
      auto decoded = decode_frame(rest);
      if (!decoded) {
        sink_->contract_broken(decoded.error().message());
        co_return;
      }
      if (!decoded->has_value()) break;
      const auto& frame = (*decoded)->frame;
      rest.remove_prefix((*decoded)->size);
      if (frame.is_last) sink_->contract_last();
      switch (frame.type) {
        case FrameType::Ready:
          takes_forms_ = frame.takes_forms;
          if (auto concurrency = ready_concurrency(frame.body)) {
            sink_->contract_ready(ContractSink::Speaker::Frames, *concurrency);
            break;
          }
          sink_->contract_broken("a READY whose body is no number of invocations");
          co_return;
        case FrameType::Booted:
          sink_->contract_booted();
          break;
        case FrameType::InitError:
          sink_->contract_init_error(frame.body);
          break;
        case FrameType::Result:
          sink_->contract_result(frame.invocation, frame.body);
          break;
        case FrameType::Error:
          sink_->contract_error(frame.invocation, frame.body);
          break;
        case FrameType::Log:
          sink_->contract_log(frame.invocation, frame.body);
          break;
        default:
          break;  // decode_frame lets no other through
      }
    }
    if (rest.size() != filled) std::copy(rest.begin(), rest.end(), buffer.begin());
    filled = rest.size();
    if (filled == 0 && buffer.size() > 16 * kReadSize) {
      buffer.resize(kReadSize);
      buffer.shrink_to_fit();
    }
  }
}

io::Task<void> FramesChannel::stop() {
  stream_.close();
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::runtime
