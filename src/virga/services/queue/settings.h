#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/result.h"

namespace virga::services::queue {

inline constexpr std::uint64_t kMostMessageBytes = 1 << 20;  // Amazon SQS developer guide, "Message quotas"
inline constexpr std::string_view kFifoSuffix = ".fifo";

// How a queue treats its messages. Names, bounds and defaults are those of Amazon SQS (API reference, CreateQueue and
// SetQueueAttributes). A value.
struct Settings {
  std::chrono::seconds visibility{30};
  std::chrono::seconds retention = std::chrono::hours(4 * 24);
  std::chrono::seconds delay{0};
  std::chrono::seconds receive_wait{0};
  std::uint64_t max_message = kMostMessageBytes;  // bytes
  bool is_fifo = false;
  bool dedup_by_content = false;
  bool dedup_by_group = false;     // the window is each group's own
  std::string dead_letters;        // name of the queue that takes what was received too often; "": none
  std::uint32_t max_receives = 0;  // with dead_letters: how often a message is handed out before
  // What is kept as it was given, and decides nothing: Policy, RedrivePolicy's text, RedriveAllowPolicy, KMS and so on.
  std::map<std::string, std::string> texts;

  bool operator==(const Settings&) const = default;
};

using Tags = std::map<std::string, std::string>;

// The durable record of a queue. A value.
struct QueueRecord {
  std::uint64_t id = 0;  // no other queue ever had it
  std::string name;
  Settings settings;
  Tags tags;
  WallTime created;
  WallTime modified;

  std::string encode() const;
  static Result<QueueRecord> decode(std::string_view bytes);
};

// The name at the end of arn:aws:sqs:REGION:ACCOUNT:NAME; "" for anything else. Region and account are not compared.
std::string_view queue_of_arn(std::string_view arn);
// [A-Za-z0-9_-]{1,80}, of which the last five may be ".fifo".
bool is_queue_name(std::string_view name);

}  // namespace virga::services::queue
