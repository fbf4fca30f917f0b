#pragma once

#include <optional>

#include "bench/load/generator.h"
#include "bench/load/search.h"

namespace virga::load {

enum class Mode { Run, Search, Burst };

// What the command line asks for.
struct Options {
  Mode mode = Mode::Run;
  Work work;
  Conditions conditions;
  SearchLimits limits;
  std::chrono::nanoseconds rest{0};  // between two runs of a search
  bool json = false;
};

// Nothing: help was printed. A refusal names the option, its value and what is allowed.
Result<std::optional<Options>> parse_options(int count, const char* const* arguments);

}  // namespace virga::load
