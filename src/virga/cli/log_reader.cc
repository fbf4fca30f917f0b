#include "virga/cli/log_reader.h"

#include <fmt/format.h>

#include "virga/base/encoding.h"
#include "virga/cli/deployment.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 200;             // entries asked for at once
constexpr std::size_t kLongest = 64ull << 20;  // bytes of one line; beyond it the answer is not Virga's
constexpr std::chrono::seconds kPageTime{60};

double decimal(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  if (member == nullptr || !member->is_number()) return 0;
  return member->to_number<double>();
}

// Cuts what arrives into lines and keeps the first failure.
class Lines {
 public:
  explicit Lines(std::function<void(const LogEntry&)> take) : take_(std::move(take)) {}

  bool add(std::string_view piece) {
    rest_ += piece;
    std::size_t begin = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      auto line = std::string_view(rest_).substr(begin, end - begin);
      begin = end + 1;
      if (trim(line).empty()) continue;
      auto entry = parse_log_entry(line);
      if (!entry) {
        failure = std::move(entry).error();
        return false;
      }
      last = std::max(last, entry->sequence);
      ++count;
      take_(*entry);
    }
    rest_.erase(0, begin);
    return rest_.size() <= kLongest;
  }

  std::uint64_t last = 0;
  std::size_t count = 0;
  std::optional<Error> failure;

 private:
  std::function<void(const LogEntry&)> take_;
  std::string rest_;
};

}  // namespace

Result<LogEntry> parse_log_entry(std::string_view line) {
  boost::system::error_code error;
  auto parsed = json::parse(line, error);
  const auto* object = error ? nullptr : parsed.if_object();
  if (object == nullptr) return fail(ErrorCode::DataLoss, "the server's log line is no JSON object");
  LogEntry entry;
  entry.sequence = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_member(parsed, "sequence")));
  entry.time = text_member(parsed, "time");
  entry.request_id = text_member(parsed, "request_id");
  entry.version = text_member(parsed, "version");
  entry.text = text_member(parsed, "text");
  if (const auto* complete = object->if_contains("complete"); complete != nullptr && complete->is_bool()) {
    entry.complete = complete->get_bool();
  }
  const auto* report = object->if_contains("report");
  const auto* figures = report == nullptr ? nullptr : report->if_object();
  entry.has_figures = figures != nullptr;
  if (figures != nullptr) {
    entry.duration_ms = decimal(*figures, "duration_ms");
    entry.init_ms = decimal(*figures, "init_ms");
    entry.max_memory_mb = decimal(*figures, "max_memory_mb");
    entry.status = text_member(*report, "status");
  }
  return entry;
}

json::object to_json(const LogEntry& entry) {
  json::object object = {{"sequence", entry.sequence}, {"time", entry.time}, {"request_id", entry.request_id},
                         {"version", entry.version},   {"text", entry.text}, {"complete", entry.complete}};
  if (entry.has_figures) {
    object["duration_ms"] = entry.duration_ms;
    object["init_ms"] = entry.init_ms;
    object["max_memory_mb"] = entry.max_memory_mb;
    object["status"] = entry.status;
  }
  return object;
}

io::Task<Result<std::uint64_t>> read_logs(Client& client, std::string name, std::uint64_t after, Follow follow,
                                          std::function<void(const LogEntry&)> take) {
  Lines lines(std::move(take));
  lines.last = after;
  bool follows = follow == Follow::Yes;
  while (true) {
    auto before = lines.count;
    http::ClientRequest request;
    request.target = fmt::format("/_virga/v1/functions/{}/logs?after={}&limit={}{}", percent_encode(name), lines.last,
                                 kPage, follows ? "&follow=1" : "");
    request.on_body = [&lines](std::string_view piece) { return lines.add(piece); };
    auto deadline = follows ? io::Deadline::never() : io::Deadline::in(client.loop(), kPageTime);
    auto response = co_await client.send(std::move(request), deadline);
    if (lines.failure) co_return fail(std::move(*lines.failure));
    if (!response) co_return fail(std::move(response).error());
    if (!follows && lines.count - before < kPage) co_return lines.last;
  }
}

std::string render(const LogEntry& entry, std::string_view prefix, const Terminal& terminal) {
  std::string result;
  auto text = clean(entry.text);
  std::string_view rest = text;
  while (!rest.empty()) {
    auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    result.append(prefix).append(line).append("\n");
  }
  if (!entry.has_figures) return result;
  std::string figures = format_milliseconds(entry.duration_ms);
  if (entry.init_ms > 0) figures += " + " + format_milliseconds(entry.init_ms) + " init";
  if (entry.max_memory_mb > 0) figures += fmt::format(", {:.0f} MB", entry.max_memory_mb);
  auto id = clean_line(entry.request_id);
  auto status = clean_line(entry.status);
  auto mark = status.empty() ? terminal.style(Style::Green, "ok") : terminal.style(Style::Red, status);
  result.append(prefix).append(mark).append(terminal.style(Style::Dim, fmt::format(" {} {}", figures, id)));
  return result + "\n";
}

}  // namespace virga::cli
