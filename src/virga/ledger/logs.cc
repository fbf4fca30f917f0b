#include "virga/ledger/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/circular_buffer.hpp>

namespace virga::ledger {
namespace {

constexpr std::size_t kRecordOverhead = 200;  // bytes a record costs beside its texts, roughly
constexpr std::size_t kFirstRecords = 16;     // places a function's log begins with

double milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

}  // namespace

std::string_view to_text(ReportStatus status) {
  switch (status) {
    case ReportStatus::Success:
      break;
    case ReportStatus::Error:
      return "error";
    case ReportStatus::Timeout:
      return "timeout";
  }
  return "";
}

std::string start_line(const model::RequestId& id, model::VersionNumber version) {
  return "START RequestId: " + id.text() + " Version: " + version.text();
}

std::string end_line(const model::RequestId& id) {
  return "END RequestId: " + id.text();
}

std::string report_line(const model::RequestId& id, const Report& report) {
  // Lambda bills whole milliseconds, rounded up, and the start of the code with them.
  auto billed = std::chrono::ceil<std::chrono::milliseconds>(report.duration + report.init_duration).count();
  auto line = fmt::format(
      "REPORT RequestId: {}\tDuration: {:.2f} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax "
      "Memory Used: {} MB\t",
      id.text(), milliseconds(report.duration), std::max<std::int64_t>(billed, 1), report.memory_size.count >> 20,
      (report.max_memory_used.count + (1 << 20) - 1) >> 20);
  if (report.init_duration.count() > 0)
    line += fmt::format("Init Duration: {:.2f} ms\t", milliseconds(report.init_duration));
  if (report.status != ReportStatus::Success) line.append("Status: ").append(to_text(report.status)).append("\t");
  return line;
}

std::string render(const LogRecord& record) {
  if (record.id.empty()) return record.text;
  return start_line(record.id, record.version) + "\n" + record.text + end_line(record.id) + "\n" +
         report_line(record.id, record.report) + "\n";
}

namespace {

// A record as it is kept. A hot function passes through all of them a few times a second, so they are small, and one
// that logged nothing is in one piece: what a call touches here was not looked at for long and comes from far away.
struct Kept {
  struct Long {
    std::string text;
    std::string id;  // one that is no UUID
  };

  explicit Kept(LogRecord&& record)
      : time(record.time), report(record.report), version(record.version), complete(record.complete) {
    const auto& text = record.id.text();
    bool is_long = text.size() > id.size();
    id_size = is_long ? 0 : static_cast<std::uint8_t>(text.size());
    std::copy_n(text.begin(), id_size, id.begin());
    if (is_long || !record.text.empty()) more = std::make_unique<Long>(std::move(record.text), is_long ? text : "");
  }

  std::size_t size() const { return kRecordOverhead + (more == nullptr ? 0 : more->text.size() + more->id.size()); }

  LogRecord record(std::uint64_t sequence) const {
    LogRecord record;
    record.sequence = sequence;
    record.time = time;
    record.id = model::RequestId(more != nullptr && !more->id.empty() ? more->id : std::string(id.data(), id_size));
    record.version = version;
    if (more != nullptr) record.text = more->text;
    record.complete = complete;
    record.report = report;
    return record;
  }

  WallTime time;
  Report report;
  model::VersionNumber version;
  std::unique_ptr<Long> more;  // null: there is nothing more
  std::array<char, 36> id;     // of a UUID
  std::uint8_t id_size = 0;
  bool complete = true;
};

}  // namespace

// A ring, because every call appends a record and sooner or later drops one: that asks for no memory.
struct Logs::FunctionLog {
  explicit FunctionLog(io::Loop& loop) : records(kFirstRecords), grown(loop) {}
  boost::circular_buffer<Kept> records;  // their sequences end before the next one, without a gap
  std::size_t bytes = 0;
  std::uint64_t next_sequence = 1;
  io::Event grown;
};

Logs::Logs(io::Loop& loop, std::size_t bytes_for_each_function) : loop_(loop), limit_(bytes_for_each_function) {}
Logs::~Logs() = default;

Logs::FunctionLog& Logs::log_of(const model::FunctionName& function) {
  auto& log = functions_[function.text()];
  if (!log) log = std::make_unique<FunctionLog>(loop_);
  return *log;
}

void Logs::append(const model::FunctionName& function, LogRecord record) {
  auto& log = log_of(function);
  Kept kept(std::move(record));
  ++log.next_sequence;
  log.bytes += kept.size();
  while (log.bytes > limit_ && !log.records.empty()) {
    log.bytes -= log.records.front().size();
    log.records.pop_front();
  }
  if (log.records.full()) {
    // Never more places than can be in use.
    auto most = limit_ / kRecordOverhead + 1;
    log.records.set_capacity(std::max(log.records.size() + 1, std::min(log.records.capacity() * 2, most)));
  }
  log.records.push_back(std::move(kept));
  log.grown.set();
}

void Logs::forget(const model::FunctionName& function) {
  auto found = functions_.find(function.text());
  if (found == functions_.end()) return;
  // Somebody may be waiting for more: the place stays, its content goes.
  found->second->records.clear();
  found->second->bytes = 0;
}

std::vector<LogRecord> Logs::read(const model::FunctionName& function, std::uint64_t after, std::size_t limit) const {
  std::vector<LogRecord> records;
  auto found = functions_.find(function.text());
  if (found == functions_.end()) return records;
  const auto& all = found->second->records;
  auto first = found->second->next_sequence - all.size();
  for (auto sequence = std::max(first, after + 1); sequence - first < all.size() && records.size() < limit;
       ++sequence) {
    records.push_back(all[sequence - first].record(sequence));
  }
  return records;
}

io::Task<Result<>> Logs::wait(model::FunctionName function, std::uint64_t after, io::Deadline deadline) {
  auto& log = log_of(function);
  while (log.next_sequence <= after + 1) {
    log.grown.reset();
    auto grown = co_await log.grown.wait(deadline);
    if (!grown) co_return grown;
  }
  co_return Result<>();
}

}  // namespace virga::ledger
