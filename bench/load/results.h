#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "bench/load/histogram.h"

namespace virga::load {

// What one run counted. Every request that the plan held for the measured time is in exactly one of succeeded, refused,
// broken, timed_out, malformed and unsent. A value; threads add theirs with merge().
struct Results {
  static constexpr std::size_t kStatuses = 1000;

  std::uint64_t scheduled = 0;
  std::uint64_t succeeded = 0;  // answered with a status from 200 to 299
  std::uint64_t refused = 0;    // answered with another status
  std::uint64_t broken = 0;     // the connection ended before the answer did
  std::uint64_t timed_out = 0;  // sent, and no answer in time
  std::uint64_t malformed = 0;  // the answer was not understood
  std::uint64_t unsent = 0;     // no connection became free in time
  std::array<std::uint32_t, kStatuses> statuses{};

  std::uint64_t connect_failures = 0;  // attempts to connect again that were refused
  std::uint64_t reconnects = 0;        // connections that the server closed, or that broke, and that were made anew
  std::uint64_t waited = 0;            // requests that waited for a free connection
  std::uint64_t longest_queue = 0;
  std::uint64_t ramp_requests = 0;  // sent while the rate rose; in no other figure
  std::uint64_t ramp_failures = 0;

  Histogram latency;  // nanoseconds from the intended moment to the last byte, of what succeeded
  Histogram lag;      // nanoseconds from the intended moment to when the generator turned to the request
  std::chrono::nanoseconds elapsed{0};  // of the measured time, until its last answer
  std::chrono::nanoseconds cpu{0};      // that the generator itself used, ramp included

  void merge(const Results& other);
  double success_ratio() const;
  double rate() const;  // what succeeded, a second
  double cpu_us_per_request() const;
};

// For people: a few lines. For programs: one JSON object (bench/load/README.md names its members).
std::string as_text(const Results& results);
std::string as_json(const Results& results);

}  // namespace virga::load
