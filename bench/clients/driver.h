#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "bench/clients/conversation.h"
#include "bench/load/histogram.h"
#include "bench/load/target.h"
#include "virga/base/result.h"

namespace virga::load {

struct Drive {
  Target target;
  unsigned connections = 32;
  unsigned pipeline = 1;                                      // requests of one connection that wait for answers
  std::chrono::nanoseconds length = std::chrono::seconds(3);  // 0: until so many requests were answered:
  std::uint64_t requests = 0;
  std::chrono::nanoseconds patience = std::chrono::seconds(10);  // without any answer
};

struct Driven {
  std::uint64_t requests = 0;  // that were answered
  std::uint64_t failed = 0;    // with what their conversation did not hope for
  std::uint64_t broken = 0;    // that had no answer when their connection ended
  std::uint64_t done = 0;      // as the conversations count
  std::array<std::uint64_t, 1000> statuses{};
  Histogram latency;  // nanoseconds from the first byte out to the last byte in
  std::chrono::nanoseconds elapsed{0};
  std::chrono::nanoseconds cpu{0};  // of this thread
};

// A closed loop: every connection has its own conversation and sends the next request when an answer has come, so the
// rate is what the server makes of it. At the end what is under way is waited for and counted. Blocks; one thread.
// Fails when it cannot connect, and when nothing is answered for `patience`.
Result<Driven> drive(const Drive& drive, const std::function<std::unique_ptr<Conversation>()>& make_conversation);

}  // namespace virga::load
