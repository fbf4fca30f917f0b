#pragma once

#include <chrono>
#include <cstdint>

#include "virga/model/units.h"

namespace virga::dispatch {

struct Options {
  std::uint32_t account_concurrency = 1000;  // calls at once, of all functions together
  // Of all instances together, running, starting and idle; when it is short, idle ones are ended.
  model::Bytes memory_budget = model::mebibytes(4096);
  std::uint32_t max_instances = 1000;  // likewise
  std::chrono::milliseconds max_queue_wait{30000};
  std::chrono::minutes idle_time{60};  // an instance that ran nothing for so long is ended although there is room;
                                       // where instances have to go for others, their worth alone decides
  std::chrono::milliseconds freeze_after{
      2000};  // one that ran nothing for so long is frozen until its next call; 0: never
};

}  // namespace virga::dispatch
