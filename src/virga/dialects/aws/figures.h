#pragma once

#include <array>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "virga/telemetry/metrics.h"

namespace virga::dialects::aws {

// How often which operation of an AWS service was asked for, as /metrics shows it. One loop.
class Figures {
 public:
  explicit Figures(metrics::Registry& registry);

  // The names are of the lists of services and operations, so that there are only so many of them, and live as long as
  // the program.
  void count(std::string_view service, std::string_view operation, int status);

 private:
  using Cells = std::array<std::shared_ptr<metrics::Counter>, 3>;  // by outcome

  metrics::Family<metrics::Counter>& requests_;
  std::map<std::pair<std::string_view, std::string_view>, Cells> cells_;
};

}  // namespace virga::dialects::aws
