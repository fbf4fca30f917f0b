#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "virga/base/result.h"

namespace virga::bench {

using Time = std::chrono::microseconds;  // since the trace began

struct TraceCall {
  Time arrival{};
  Time duration{};
  std::uint32_t function = 0;  // index into Trace::functions
};

struct TraceFunction {
  std::string name;
  std::uint64_t memory = 0;  // bytes, resident, of one instance
  Time start_cost{};
};

// What was called when. Calls are in the order of their arrival.
struct Trace {
  std::vector<TraceFunction> functions;
  std::vector<TraceCall> calls;
};

// CSV with a first line that names the columns: function, time (seconds), duration (seconds), memory (MB), and, if the
// trace knows it, start (seconds that starting an instance takes). Columns in any order, others are passed over. A
// function has the memory of its first line. Where no start is given it is drawn from the distribution that generate()
// uses, by the function's name. Lines need not be sorted. Blocks.
Result<Trace> read_trace(const std::string& path);
Result<> write_trace(const Trace& trace, const std::string& path);

}  // namespace virga::bench
