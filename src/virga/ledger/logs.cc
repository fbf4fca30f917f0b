#include "virga/ledger/logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/circular_buffer.hpp>

namespace virga::ledger {
namespace {

constexpr std::size_t kRecordOverhead = 200;  // bytes a record costs beside its texts, roughly
constexpr std::size_t kFirstRecords = 16;     // places a function's log begins with

double milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

}  // namespace

std::string start_line(const model::RequestId& id, const std::string& version) {
  return "START RequestId: " + id.text() + " Version: " + version;
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
  if (!report.status.empty()) line += "Status: " + report.status + "\t";
  return line;
}

std::string render(const LogRecord& record) {
  if (record.id.empty()) return record.text;
  return start_line(record.id, record.version) + "\n" + record.text + end_line(record.id) + "\n" +
         report_line(record.id, record.report) + "\n";
}

// A ring, because every call appends a record and sooner or later drops one: that asks for no memory.
struct Logs::FunctionLog {
  explicit FunctionLog(io::Loop& loop) : records(kFirstRecords), grown(loop) {}
  boost::circular_buffer<LogRecord> records;
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
  record.sequence = log.next_sequence++;
  log.bytes += record.text.size() + kRecordOverhead;
  while (log.bytes > limit_ && !log.records.empty()) {
    log.bytes -= log.records.front().text.size() + kRecordOverhead;
    log.records.pop_front();
  }
  if (log.records.full()) log.records.set_capacity(log.records.capacity() * 2);
  log.records.push_back(std::move(record));
  log.grown.set();
}

void Logs::forget(const model::FunctionName& function) {
  auto found = functions_.find(function.text());
  if (found == functions_.end()) return;
  // Somebody may be waiting for more: the place stays, its content goes.
  found->second->records.clear();
  found->second->bytes = 0;
}

std::vector<const LogRecord*> Logs::read(const model::FunctionName& function, std::uint64_t after,
                                         std::size_t limit) const {
  std::vector<const LogRecord*> records;
  auto found = functions_.find(function.text());
  if (found == functions_.end()) return records;
  const auto& all = found->second->records;
  auto first = std::partition_point(all.begin(), all.end(), [after](const auto& r) { return r.sequence <= after; });
  for (; first != all.end() && records.size() < limit; ++first) records.push_back(&*first);
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
