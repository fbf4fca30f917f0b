#include "virga/dialects/virga/log_stream.h"

#include "virga/base/clock.h"
#include "virga/json/text.h"

namespace virga::dialects {
namespace {

constexpr std::size_t kPage = 100;               // records in one piece
constexpr std::chrono::milliseconds kLook{200};  // how late a stream notices that its peer has gone
constexpr std::chrono::seconds kSignOfLife{15};  // an empty line, so that a dead connection shows

double milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

}  // namespace

void append_log_line(std::string& out, const ledger::LogRecord& record) {
  {
    json::Object object(out);
    object.add("sequence", record.sequence)
        .add("time", format_rfc3339(record.time))
        .add("request_id", record.id.text())
        .add("version", record.version.text())
        .add("text", record.text)
        .add("complete", record.complete);
    if (record.complete && !record.id.empty()) {
      json::Object report(object.open("report"));
      report.add("duration_ms", milliseconds(record.report.duration))
          .add("init_ms", milliseconds(record.report.init_duration))
          .add("memory_mb", model::to_mebibytes(record.report.memory_size))
          .add("max_memory_mb", model::to_mebibytes(record.report.max_memory_used))
          .add("status", to_text(record.report.status));
    }
  }
  out += '\n';
}

io::Task<Result<std::string>> LogStream::next() {
  SteadyTime begin = loop_.now();
  while (!cancelled_) {
    std::string lines;
    for (const auto& record : logs_.read(function_, after_, kPage)) {
      append_log_line(lines, record);
      after_ = record.sequence;
    }
    if (!lines.empty()) co_return lines;
    if (loop_.now() - begin > kSignOfLife) co_return std::string("\n");
    // A wait cannot be called off, so it is short.
    auto grown = co_await logs_.wait(function_, after_, io::Deadline::in(loop_, kLook));
    if (!grown && grown.error().code() != ErrorCode::DeadlineExceeded) co_return std::unexpected(grown.error());
  }
  co_return std::string();
}

}  // namespace virga::dialects
