#pragma once

#include <cstdint>

#include "bench/keepalive/trace.h"
#include "virga/dispatch/keepalive/policy.h"

namespace virga::bench {

struct Report {
  std::uint64_t cold_starts = 0;
  std::uint64_t waited_for_memory = 0;  // calls
  double start_waiting = 0;             // seconds, of all calls: starts
  double room_waiting = 0;              // seconds, of all calls: for memory to become free
  double peak_memory = 0;               // bytes
  double mean_memory = 0;               // bytes, over the time of the trace
  std::uint64_t evictions = 0;          // because memory was short
  std::uint64_t expirations = 0;        // because it was idle for long
};

// Runs the trace in virtual time, with the budget in bytes: a call takes the instance of its function that became idle
// last, or starts one when the keeper lets it in, or waits, first come first served, until memory or an instance of its
// function is free.
Report simulate(const Trace& trace, dispatch::KeepAlivePolicy& policy, std::uint64_t budget);

}  // namespace virga::bench
