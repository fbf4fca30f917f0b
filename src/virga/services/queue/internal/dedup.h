#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/services/queue/message.h"
#include "virga/services/queue/settings.h"

namespace virga::services::queue::internal {

// How long a message that comes again is the same one (developer guide, "Using the message deduplication ID").
inline constexpr std::chrono::minutes kDedupTime{5};

// What makes two messages of a queue the same: the SHA-256 of the deduplication id, or of the body if the queue says
// so; within its group if the queue says that. "": nothing does.
std::string dedup_hash(const Message& message, const Settings& settings);

// The messages that came within the window, by their hash. No I/O and no clock of its own. One thread.
class Dedup {
 public:
  struct Known {
    Number number = 0;
    std::string message_id;
    SteadyTime expires{};
  };

  // Null: none came, or too long ago.
  const Known* find(const std::string& hash, SteadyTime now) const;
  void add(const std::string& hash, Known known);
  // Forgets those whose time is over, and says which.
  std::vector<std::string> forget(SteadyTime now);
  void clear();

 private:
  std::unordered_map<std::string, Known> known_;
  std::deque<std::pair<SteadyTime, std::string>> order_;  // by when they were added
};

}  // namespace virga::services::queue::internal
