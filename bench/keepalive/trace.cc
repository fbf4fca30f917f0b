#include "bench/keepalive/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "bench/keepalive/generate.h"

namespace virga::bench {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::vector<std::string_view> split(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  std::vector<std::string_view> fields;
  while (true) {
    auto comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

bool read_number(std::string_view text, double& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(number) && number >= 0;
}

Time seconds(double value) {
  return Time(static_cast<std::int64_t>(value * 1e6));
}

double in_seconds(Time time) {
  return static_cast<double>(time.count()) * 1e-6;
}

struct Columns {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t function = kNone;
  std::size_t time = kNone;
  std::size_t duration = kNone;
  std::size_t memory = kNone;
  std::size_t start = kNone;

  explicit Columns(const std::vector<std::string_view>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "function") function = i;
      if (names[i] == "time") time = i;
      if (names[i] == "duration") duration = i;
      if (names[i] == "memory") memory = i;
      if (names[i] == "start") start = i;
    }
  }
  bool is_whole() const { return function != kNone && time != kNone && duration != kNone && memory != kNone; }
};

}  // namespace

Result<Trace> read_trace(const std::string& path) {
  File file(std::fopen(path.c_str(), "r"), std::fclose);
  if (file == nullptr) return fail(ErrorCode::NotFound, path + ": cannot be opened");
  char buffer[4096];
  if (std::fgets(buffer, sizeof(buffer), file.get()) == nullptr) return fail(ErrorCode::DataLoss, path + ": is empty");
  Columns columns(split(buffer));
  if (!columns.is_whole()) {
    return fail(ErrorCode::InvalidArgument,
                path + ": the first line names the columns; function, time, duration and memory must be among them");
  }
  Trace trace;
  std::unordered_map<std::string, std::uint32_t> by_name;
  for (std::size_t line = 2; std::fgets(buffer, sizeof(buffer), file.get()) != nullptr; ++line) {
    auto fields = split(buffer);
    if (fields.size() == 1 && fields[0].empty()) continue;
    double time = 0;
    double duration = 0;
    double memory = 0;
    double start = -1;
    auto has = [&](std::size_t column, double& number) {
      return column < fields.size() && read_number(fields[column], number);
    };
    if (columns.function >= fields.size() || !has(columns.time, time) || !has(columns.duration, duration) ||
        !has(columns.memory, memory) || (columns.start != Columns::kNone && !has(columns.start, start))) {
      return fail(ErrorCode::InvalidArgument,
                  fmt::format("{}: line {}: a number is missing or below 0: '{}'", path, line, std::string(buffer)));
    }
    std::string name(fields[columns.function]);
    auto [found, is_new] = by_name.emplace(name, static_cast<std::uint32_t>(trace.functions.size()));
    if (is_new) {
      auto cost = start < 0 ? draw_start_cost(name, 1) : seconds(start);
      trace.functions.push_back({std::move(name), static_cast<std::uint64_t>(memory * (1 << 20)), cost});
    }
    trace.calls.push_back({seconds(time), seconds(duration), found->second});
  }
  std::sort(trace.calls.begin(), trace.calls.end(), [](const auto& a, const auto& b) {
    return a.arrival != b.arrival ? a.arrival < b.arrival : a.function < b.function;
  });
  return trace;
}

Result<> write_trace(const Trace& trace, const std::string& path) {
  File file(std::fopen(path.c_str(), "w"), std::fclose);
  if (file == nullptr) return fail(ErrorCode::PermissionDenied, path + ": cannot be written");
  fmt::print(file.get(), "function,time,duration,memory,start\n");
  for (const auto& call : trace.calls) {
    const auto& function = trace.functions[call.function];
    fmt::print(file.get(), "{},{:.6f},{:.6f},{:.3f},{:.6f}\n", function.name, in_seconds(call.arrival),
               in_seconds(call.duration), static_cast<double>(function.memory) / (1 << 20),
               in_seconds(function.start_cost));
  }
  if (std::fflush(file.get()) != 0) return fail(ErrorCode::ResourceExhausted, path + ": the disk is full");
  return {};
}

}  // namespace virga::bench
