// virga-keepalive: how long calls wait for starts under each keep-alive policy, by the memory there is.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/keepalive/generate.h"
#include "bench/keepalive/simulate.h"
#include "bench/keepalive/trace.h"
#include "virga/dispatch/keepalive/policies.h"
#include "virga/os/file.h"

namespace virga::bench {
namespace {

constexpr double kGibibyte = 1 << 30;
constexpr std::chrono::minutes kIdleLimit{60};  // the dispatcher's default

struct Choice {
  std::string_view name;
  std::function<std::unique_ptr<dispatch::KeepAlivePolicy>()> make;
};

const std::vector<Choice>& choices() {
  static const std::vector<Choice> all = {
      {"TTL 10 min", [] { return std::make_unique<dispatch::TimeToLive>(); }},
      {"LRU", [] { return std::make_unique<dispatch::LeastRecentlyUsed>(dispatch::kForever); }},
      {"greedy-dual", [] { return std::make_unique<dispatch::GreedyDual>(dispatch::kForever); }},
      {"greedy-dual, idle <= 60 min", [] { return std::make_unique<dispatch::GreedyDual>(kIdleLimit); }},
  };
  return all;
}

double waiting(const Report& report) {
  return report.start_waiting + report.room_waiting;
}

// One policy with one budget, as JSON has it: seconds, summed over all calls.
std::string as_json(std::string_view policy, double part, const Report& report) {
  return fmt::format(
      R"({{"policy":"{}","memory":{:.4f},"cold_starts":{},"start_waiting":{:.3f},"room_waiting":{:.3f},"mean_gib":{:.3f}}})",
      policy, part, report.cold_starts, report.start_waiting, report.room_waiting, report.mean_memory / kGibibyte);
}

// The rows of one budget. Each is compared with LRU and with TTL, the first two.
void print_budget(const Trace& trace, double everything, double part, std::vector<std::string>& rows) {
  auto budget = static_cast<std::uint64_t>(everything * part);
  double ttl = 0;
  double lru = 0;
  for (const auto& choice : choices()) {
    auto policy = choice.make();
    auto report = simulate(trace, *policy, budget);
    rows.push_back(as_json(choice.name, part, report));
    auto waited = waiting(report);
    if (choice.name == "TTL 10 min") ttl = waited;
    if (choice.name == "LRU") lru = waited;
    auto against = [waited](double other) {
      return other == 0 ? std::string("-") : fmt::format("{:+.1f} %", 100 * (waited / other - 1));
    };
    fmt::print("{:>6.0f} % {:>9.1f}  {:<28} {:>9} {:>11.0f} {:>10.0f} {:>9} {:>9} {:>9.1f} {:>9.1f}\n", 100 * part,
               static_cast<double>(budget) / kGibibyte, choice.name, report.cold_starts, report.start_waiting,
               report.room_waiting, against(ttl), against(lru), report.mean_memory / kGibibyte,
               report.peak_memory / kGibibyte);
  }
}

struct Wanted {
  std::vector<double> parts = {0.1, 0.2, 1.0 / 3, 0.5, 0.75};  // of the memory that holds everything
  std::string json;                                            // a file for the same figures; "": none
};

int run(const Trace& trace, const Wanted& wanted) {
  fmt::print("{}\n", describe(trace));
  dispatch::LeastRecentlyUsed keep_all(dispatch::kForever);
  auto everything = simulate(trace, keep_all, static_cast<std::uint64_t>(-1));
  fmt::print("with room for everything: {} cold starts, {:.0f} s of waiting, {:.1f} GiB\n\n", everything.cold_starts,
             everything.start_waiting, everything.peak_memory / kGibibyte);
  fmt::print("{:>8} {:>9}  {:<28} {:>9} {:>11} {:>10} {:>9} {:>9} {:>9} {:>9}\n", "memory", "GiB", "policy", "cold",
             "start wait", "room wait", "vs TTL", "vs LRU", "mean GiB", "peak GiB");
  std::vector<std::string> rows;
  for (double part : wanted.parts) print_budget(trace, everything.peak_memory, part, rows);
  if (wanted.json.empty()) return 0;
  auto written = os::write_file_durably(wanted.json, fmt::format("[{}]\n", fmt::join(rows, ",\n ")));
  if (!written) fmt::print(stderr, "virga-keepalive: {}\n", written.error().message());
  return written ? 0 : 1;
}

constexpr std::string_view kUsage =
    "Usage: virga-keepalive [--seed N] [--functions N] [--calls N] [--top-share F] [--write FILE]\n"
    "                       [--memory SHARE] [--json FILE]\n"
    "       virga-keepalive --trace FILE [--memory SHARE] [--json FILE]\n"
    "Simulates a day of calls, made up or from a CSV (function,time,duration,memory[,start]; seconds and MB), under\n"
    "each keep-alive policy and prints how long calls waited for starts, in seconds summed over all calls. For\n"
    "several budgets, or that of --memory, as a share of what holds everything.\n";

int usage() {
  fmt::print(stderr, "{}", kUsage);
  return 2;
}

int main(const std::vector<std::string_view>& arguments) {
  Shape shape;
  Wanted wanted;
  std::string input;
  std::string output;
  if (arguments.size() % 2 != 0) return usage();
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    std::string value(arguments[i + 1]);
    if (arguments[i] == "--seed") {
      shape.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (arguments[i] == "--functions") {
      shape.functions = static_cast<std::uint32_t>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (arguments[i] == "--calls") {
      shape.calls = std::strtoull(value.c_str(), nullptr, 10);
    } else if (arguments[i] == "--top-share") {
      shape.top_share = std::strtod(value.c_str(), nullptr);
    } else if (arguments[i] == "--memory") {
      wanted.parts = {std::strtod(value.c_str(), nullptr)};
    } else if (arguments[i] == "--json") {
      wanted.json = value;
    } else if (arguments[i] == "--trace") {
      input = value;
    } else if (arguments[i] == "--write") {
      output = value;
    } else {
      return usage();
    }
  }
  auto trace = input.empty() ? Result<Trace>(generate(shape)) : read_trace(input);
  Result<> written;
  if (trace && !output.empty()) written = write_trace(*trace, output);
  if (!trace || !written) {
    fmt::print(stderr, "virga-keepalive: {}\n", !trace ? trace.error().message() : written.error().message());
    return 1;
  }
  return run(*trace, wanted);
}

}  // namespace
}  // namespace virga::bench

int main(int count, char** arguments) {
  return virga::bench::main(std::vector<std::string_view>(arguments + 1, arguments + count));
}
