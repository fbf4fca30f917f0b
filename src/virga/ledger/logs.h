#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "virga/base/clock.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/model/invocation.h"
#include "virga/model/names.h"

namespace virga::ledger {

// How it ended, as far as its REPORT line tells.
enum class ReportStatus : std::uint8_t { Success, Error, Timeout };
std::string_view to_text(ReportStatus status);  // "", "error", "timeout"

// What an invocation cost, as its REPORT line shows it.
struct Report {
  std::chrono::microseconds duration{};
  std::chrono::microseconds init_duration{};  // 0: warm
  model::Bytes memory_size;
  model::Bytes max_memory_used;
  ReportStatus status = ReportStatus::Success;
};

// Lambda's lines for one invocation (aws-runtime-api.md §4), without a newline at the end.
std::string start_line(const model::RequestId& id, model::VersionNumber version);
std::string end_line(const model::RequestId& id);
std::string report_line(const model::RequestId& id, const Report& report);

// One invocation's part of a function's log. Texts are rendered when somebody reads them.
struct LogRecord {
  std::uint64_t sequence = 0;  // ascending within a function
  WallTime time;
  model::RequestId id;  // empty: written outside of an invocation
  model::VersionNumber version;
  std::string text;      // what the code wrote: whole lines, each with its newline
  bool complete = true;  // false: a part of a call that still runs; no report yet
  Report report;
};

// The logs of functions, by invocation, the newest of each kept in memory up to a number of bytes. One loop.
// They do not survive a restart yet.
class Logs {
 public:
  explicit Logs(io::Loop& loop, std::size_t bytes_for_each_function = 1 << 20);
  ~Logs();

  void append(const model::FunctionName& function, LogRecord record);
  void forget(const model::FunctionName& function);

  // Records with a sequence above `after`, oldest first, at most `limit`.
  std::vector<LogRecord> read(const model::FunctionName& function, std::uint64_t after, std::size_t limit) const;
  // Waits until the function has a record above `after`.
  io::Task<Result<>> wait(model::FunctionName function, std::uint64_t after, io::Deadline deadline);

 private:
  struct FunctionLog;
  FunctionLog& log_of(const model::FunctionName& function);

  io::Loop& loop_;
  std::size_t limit_;
  std::unordered_map<std::string, std::unique_ptr<FunctionLog>> functions_;
};

// START, the text, END and REPORT as they stand in a log.
std::string render(const LogRecord& record);

}  // namespace virga::ledger
