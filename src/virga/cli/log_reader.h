#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "virga/cli/client.h"
#include "virga/cli/terminal.h"

namespace virga::cli {

// One line of GET /_virga/v1/functions/NAME/logs: what one invocation wrote, or a part of it.
struct LogEntry {
  std::uint64_t sequence = 0;
  std::string time;  // RFC 3339
  std::string request_id;
  std::string version;
  std::string text;
  bool complete = true;      // false: the invocation still runs
  bool has_figures = false;  // the invocation has ended; what follows holds
  double duration_ms = 0;
  double init_ms = 0;  // 0: warm
  double max_memory_mb = 0;
  std::string status;  // "" for success
};

enum class Follow { No, Yes };

// Gives the function's log entries above `after` to `take`, oldest first: those there are, or with Follow::Yes also
// those to come, until the client is closed or the server ends. Returns the last sequence that was given.
io::Task<Result<std::uint64_t>> read_logs(Client& client, std::string name, std::uint64_t after, Follow follow,
                                          std::function<void(const LogEntry&)> take);

// DataLoss when the line is none of that API.
Result<LogEntry> parse_log_entry(std::string_view line);
boost::json::object to_json(const LogEntry& entry);
// The lines of an entry, each behind `prefix`, and a dim one with its figures. Harmless for a terminal.
std::string render(const LogEntry& entry, std::string_view prefix, const Terminal& terminal);

}  // namespace virga::cli
