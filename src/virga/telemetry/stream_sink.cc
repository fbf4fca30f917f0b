#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>

#include "virga/telemetry/log.h"

namespace virga::log {
namespace {

constexpr int kPatienceMilliseconds = 100;

class StreamSink final : public Sink {
 public:
  StreamSink(int descriptor, Format format, Colour colour)
      : descriptor_(descriptor), format_(format), colour_(colour) {}

  void write(const Record& record) override {
    const std::string line = format(record);
    const std::lock_guard lock(mutex_);
    if (lost_ > 0) {
      const Field count{"count", lost_};
      if (!put(format(Record{record.time, Level::Warn, "log lines lost", {&count, 1}}))) {
        ++lost_;
        return;
      }
      lost_ = 0;
    }
    if (!put(line)) ++lost_;
  }

 private:
  std::string format(const Record& record) const {
    return format_ == Format::Json ? to_json(record) : to_text(record, colour_);
  }

  // A non-blocking descriptor is waited for; a blocking one waits by itself.
  bool put(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
      } else if (errno == EAGAIN) {
        pollfd wait{descriptor_, POLLOUT, 0};
        if (::poll(&wait, 1, kPatienceMilliseconds) == 0) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  const int descriptor_;
  const Format format_;
  const Colour colour_;
  std::mutex mutex_;  // one line after the other
  std::uint64_t lost_ = 0;
};

}  // namespace

std::unique_ptr<Sink> make_stream_sink(int descriptor, Format format) {
  const bool terminal = ::isatty(descriptor) == 1;
  if (format == Format::Auto) format = terminal ? Format::Text : Format::Json;
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
  const bool coloured = terminal && (no_color == nullptr || *no_color == '\0');
  return std::make_unique<StreamSink>(descriptor, format, coloured ? Colour::On : Colour::Off);
}

}  // namespace virga::log
