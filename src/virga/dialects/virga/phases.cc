#include "virga/dialects/virga/phases.h"

#include <fmt/format.h>

namespace virga::dialects {

std::string format_phases(const model::Phases& phases) {
  auto milliseconds = [](std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; };
  return fmt::format("queue={},start={},boot={},init={},run={}", milliseconds(phases.queue), milliseconds(phases.start),
                     milliseconds(phases.boot), milliseconds(phases.init), milliseconds(phases.run));
}

}  // namespace virga::dialects
