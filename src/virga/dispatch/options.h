#pragma once

#include <chrono>
#include <cstdint>

namespace virga::dispatch {

struct Options {
  std::uint32_t account_concurrency = 1000;  // calls at once, of all functions together
  std::uint32_t max_instances = 200;         // of all functions together; idle ones are ended first
  std::uint32_t max_waiting_later = 10000;   // Event invocations in memory
  std::chrono::milliseconds max_queue_wait{30000};
  std::chrono::minutes idle_time{10};  // an instance that ran nothing for so long is ended
};

}  // namespace virga::dispatch
