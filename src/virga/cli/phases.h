#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"
#include "virga/cli/terminal.h"

namespace virga::cli {

struct Phase {
  std::string name;
  double milliseconds = 0;
};

// The value of the header X-Virga-Phases: "queue=0.01,start=1.2,run=0.05", in milliseconds. DataLoss for anything else.
Result<std::vector<Phase>> parse_phases(std::string_view header);

// A line for each phase with its time and a bar of its share of `total`, which includes the network.
std::string render_phases(const std::vector<Phase>& phases, double total_milliseconds, const Terminal& terminal);

}  // namespace virga::cli
