#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bench/load/results.h"
#include "bench/load/schedule.h"
#include "bench/load/target.h"
#include "virga/base/result.h"

namespace virga::load {

// One run: what is sent, to whom and when.
struct Work {
  Target target;
  std::vector<std::string> requests;  // whole requests, sent in turn, each once before the first comes again
  Plan plan;
  unsigned connections = 64;  // kept alive, of all threads together
  std::vector<int> cores;     // one thread pinned to each; empty: one thread, not pinned
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // from the intended moment of a request
  // At high rates a thread wakes once in so long and does all that is due. What this costs in precision is in
  // Results::lag.
  std::chrono::nanoseconds tick = std::chrono::microseconds(250);
};

// Opens the connections, follows the plan and waits for the last answers, at most `timeout` long. Blocks. Fails only if
// the run cannot begin; whatever goes wrong later is counted.
Result<Results> run(const Work& work);

}  // namespace virga::load
