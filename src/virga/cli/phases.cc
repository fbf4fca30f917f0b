#include "virga/cli/phases.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "virga/base/encoding.h"
#include "virga/cli/deployment.h"

namespace virga::cli {

namespace {

constexpr double kBar = 30;  // columns

struct Meaning {
  std::string_view name;
  std::string_view says;
};
constexpr Meaning kMeanings[] = {
    {"queue", "waiting for an instance"},         {"start", "making the sandbox"},
    {"attach", "giving it to a waiting runtime"}, {"boot", "starting the runtime"},
    {"init", "loading the function's module"},    {"run", "the handler"},
};

std::string_view meaning(std::string_view name) {
  const auto* found = std::ranges::find(kMeanings, name, &Meaning::name);
  return found == std::end(kMeanings) ? std::string_view() : found->says;
}

}  // namespace

Result<std::vector<Phase>> parse_phases(std::string_view header) {
  std::vector<Phase> phases;
  while (!header.empty()) {
    auto comma = header.find(',');
    auto one = trim(header.substr(0, comma));
    header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
    auto equals = one.find('=');
    Phase phase;
    phase.name = one.substr(0, equals);
    auto digits = equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), phase.milliseconds);
    bool whole = error == std::errc() && end == digits.data() + digits.size() && std::isfinite(phase.milliseconds);
    if (phase.name.empty() || !whole || phase.milliseconds < 0) {
      return fail(ErrorCode::DataLoss, fmt::format("X-Virga-Phases holds '{}', which is no NAME=MILLISECONDS", one));
    }
    phases.push_back(std::move(phase));
  }
  return phases;
}

std::string render_phases(const std::vector<Phase>& phases, double total_milliseconds, const Terminal& terminal) {
  double known = 0;
  for (const auto& phase : phases) known += phase.milliseconds;
  auto rows = phases;
  rows.push_back({"around", std::max(0.0, total_milliseconds - known)});
  std::string text;
  for (const auto& row : rows) {
    double share = total_milliseconds > 0 ? std::min(1.0, row.milliseconds / total_milliseconds) : 0;
    std::string bar;
    for (int i = 0; i < static_cast<int>(std::lround(share * kBar)); ++i) bar += "█";
    auto says = row.name == "around" ? std::string_view("network, HTTP and Virga itself") : meaning(row.name);
    bool is_run = row.name == "run";
    text += fmt::format("  {:<7} {:>9}  {}{}  {}\n", clean_line(row.name), format_milliseconds(row.milliseconds),
                        terminal.style(is_run ? Style::Green : Style::Cyan, bar),
                        std::string(static_cast<std::size_t>(kBar) - display_width(bar), ' '),
                        terminal.style(Style::Dim, says));
  }
  text += fmt::format("  {:<7} {:>9}\n", "total", format_milliseconds(total_milliseconds));
  return text;
}

}  // namespace virga::cli
