#include "virga/http/internal/overlap.h"

#include "virga/base/assert.h"
#include "virga/http/internal/response_head.h"

namespace virga::http::internal {
namespace {

constexpr std::size_t kMostAtOnce = 64 << 10;  // bytes of one write

}  // namespace

Overlap::Overlap(io::Stream& stream, Handler& handler, const Limits& limits, DateLine& date)
    : stream_(stream),
      handler_(handler),
      limits_(limits),
      date_(date),
      tasks_(stream.loop()),
      answered_(stream.loop()) {}

void Overlap::add(const Request& request, std::string_view bytes) {
  auto& entry = *entries_.emplace_back(std::make_unique<Entry>());
  entry.bytes = bytes;
  auto here = [&](std::string_view view) {
    if (view.empty()) return std::string_view();
    return std::string_view(entry.bytes).substr(static_cast<std::size_t>(view.data() - bytes.data()), view.size());
  };
  entry.fields.reserve(request.fields.size());
  for (const auto& field : request.fields) entry.fields.push_back({here(field.name), here(field.value)});
  auto& copy = entry.request;
  copy.method = here(request.method);
  copy.target = here(request.target);
  copy.path = here(request.path);
  copy.query = here(request.query);
  copy.has_query = request.has_query;
  copy.fields = entry.fields;
  copy.head = here(request.head);
  copy.body = here(request.body);
  copy.peer = request.peer;
  tasks_.add(handle(&entry));
}

io::Task<void> Overlap::handle(Entry* entry) {
  entry->response = co_await handler_.handle(entry->request);
  VIRGA_ASSERT(entry->response.stream == nullptr);
  entry->is_done = true;
  if (write_is_due_ || is_writing_ || !entries_.front()->is_done) co_return;
  // Others are likely to end in this round as well.
  write_is_due_ = true;
  stream_.loop().at_end_of_round([this] {
    write_is_due_ = false;
    write_done();
  });
}

void Overlap::write_done() {
  while (!entries_.empty() && entries_.front()->is_done) {
    out_.clear();
    while (!entries_.empty() && entries_.front()->is_done && !has_ended_ && out_.size() < kMostAtOnce) {
      const auto& response = entries_.front()->response;
      append_response(out_, response, date_);
      has_ended_ = response.close;
      entries_.pop_front();
    }
    if (out_.empty()) {  // nobody takes it
      entries_.pop_front();
      continue;
    }
    iovec part{out_.data(), out_.size()};
    auto written = stream_.try_write({&part, 1});
    if (!written) has_ended_ = true;
    if (written && *written < out_.size()) {
      is_writing_ = true;
      tasks_.add(write_rest(*written));
      return;
    }
  }
  tell_if_empty();
}

io::Task<void> Overlap::write_rest(std::size_t written) {
  while (written < out_.size() && !has_ended_) {
    bool forever = limits_.write_stall == Limits::Time::max();
    auto deadline = forever ? io::Deadline::never() : io::Deadline::at(stream_.loop().now() + limits_.write_stall);
    auto ready = co_await stream_.writable(deadline);
    iovec part{out_.data() + written, out_.size() - written};
    auto count = ready ? stream_.try_write({&part, 1}) : std::unexpected(ready.error());
    if (count) written += *count;
    if (!count) has_ended_ = true;
  }
  is_writing_ = false;
  write_done();
}

void Overlap::tell_if_empty() {
  if (empty()) answered_.set();
}

io::Task<bool> Overlap::all_answered() {
  while (!empty()) {
    answered_.reset();
    auto answered = co_await answered_.wait();
    (void)answered;
  }
  auto joined = co_await tasks_.join();
  (void)joined;
  co_return !has_ended_;
}

}  // namespace virga::http::internal
