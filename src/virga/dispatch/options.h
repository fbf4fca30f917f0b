#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace virga::dispatch {

struct Options {
  std::string region = "us-east-1";
  std::string account = "000000000000";
  // Where functions reach Virga's own API, and with which keys: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ... in their
  // environment. An empty endpoint sets none.
  std::string endpoint;
  std::string access_key;
  std::string secret_key;

  std::uint32_t account_concurrency = 1000;  // calls at once, of all functions together
  std::uint32_t max_instances = 200;         // of all functions together; idle ones are ended first
  std::uint32_t max_waiting_later = 10000;   // Event invocations in memory
  std::chrono::milliseconds max_queue_wait{30000};
  std::chrono::milliseconds init_timeout{10000};
  std::chrono::minutes idle_time{10};  // an instance that ran nothing for so long is ended
};

}  // namespace virga::dispatch
