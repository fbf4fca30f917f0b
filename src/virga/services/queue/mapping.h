#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/model/names.h"
#include "virga/services/queue/settings.h"

namespace virga::services::queue {

// An event source mapping: the messages of a queue are events of a function (Lambda API reference,
// CreateEventSourceMapping). A value.
struct Mapping {
  std::string id;  // a UUID
  std::string queue;
  model::FunctionName function;
  std::string qualifier;  // "": $LATEST
  bool is_enabled = true;
  std::uint32_t batch_size = 10;
  std::chrono::seconds window{0};     // a batch that is not full waits as long for more
  bool reports_failures = false;      // the answer names the messages that failed
  std::uint32_t max_concurrency = 0;  // batches at a time; 0: as many as the function bears
  std::vector<std::string> filters;   // event patterns; a message has to fit one of them
  Tags tags;
  WallTime modified;

  std::string encode() const;
  static Result<Mapping> decode(std::string_view bytes);
};

}  // namespace virga::services::queue
