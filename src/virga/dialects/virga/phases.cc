#include "virga/dialects/virga/phases.h"

#include <fmt/format.h>

namespace virga::dialects {

std::string format_phases(const model::Phases& phases) {
  auto milliseconds = [](std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; };
  return fmt::format("queue={},start={},attach={},boot={},init={},run={}", milliseconds(phases.queue),
                     milliseconds(phases.start), milliseconds(phases.attach), milliseconds(phases.boot),
                     milliseconds(phases.init), milliseconds(phases.run));
}

std::string format_start(const model::Outcome& outcome) {
  std::string text;
  switch (outcome.start_kind) {
    case model::StartKind::Warm:
      return "";
    case model::StartKind::Fork:
      return outcome.cold_reason.empty() ? "fork" : "fork; " + outcome.cold_reason;
    case model::StartKind::Stem:
      text = "stem";
      break;
    case model::StartKind::Cold:
      text = outcome.cold_reason.empty() ? "cold" : "cold; " + outcome.cold_reason;
      break;
  }
  return outcome.no_fork_reason.empty() ? text : text + "; no fork: " + outcome.no_fork_reason;
}

}  // namespace virga::dialects
