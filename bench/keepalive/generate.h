#pragma once

#include <cstdint>
#include <string>

#include "bench/keepalive/trace.h"

namespace virga::bench {

// A day of calls that looks like what a public cloud published of its function service (M. Shahrad et al., "Serverless
// in the Wild", USENIX ATC 2020): few functions make most calls, most are called rarely, durations and memory spread
// wide.
struct Shape {
  std::uint64_t seed = 1;
  std::uint32_t functions = 1500;
  std::uint64_t calls = 2'000'000;
  double hours = 24;
  double hourly = 0.45;      // of functions are called at most once an hour
  double minutely = 0.814;   // of functions are called at most once a minute
  double top_share = 0.996;  // of all calls go to the others
  double periodic = 0.29;    // of functions are called by a clock
  double bursty = 0.355;     // of functions are called in bursts; the rest at random
};

// The same seed, the same trace.
Trace generate(const Shape& shape);

// What a trace has of the shape's figures, one line for each.
std::string describe(const Trace& trace);

// How long starts of this function take: lognormal, median 0.4 s, sigma 1, drawn by the name.
Time draw_start_cost(const std::string& name, std::uint64_t seed);

}  // namespace virga::bench
