#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/services/queue/message.h"

// Where queues keep what in the store. Numbers are written with their highest byte first, so that they lie in order.
namespace virga::services::queue::internal {

inline constexpr std::string_view kQueues = "queues/queue/";      // + name: QueueRecord
inline constexpr std::string_view kMessages = "queues/message/";  // + queue + number: Message
inline constexpr std::string_view kStates = "queues/state/";      // + queue + number: MessageState
inline constexpr std::string_view kDedups = "queues/dedup/";      // + queue + SHA-256 of the key: DedupRecord
inline constexpr std::string_view kMoves = "queues/move/";        // + task id: MoveTask
inline constexpr std::string_view kMappings = "queues/mapping/";  // + UUID: Mapping
inline constexpr std::string_view kNumbers = "queues/numbers";    // the first number that was surely never given out

std::string queue_key(std::string_view name);
std::string prefix_of(std::string_view kind, std::uint64_t queue);  // of all records of one kind of one queue
std::string key_of(std::string_view kind, std::uint64_t queue, Number number);
std::string dedup_key(std::uint64_t queue, std::string_view hash);
// The first key behind all that begin with this prefix.
std::string end_of(std::string prefix);

// The number at the end of a key; nullopt if it is too short.
std::optional<Number> number_in(std::string_view key);
void append_number(std::string& out, std::uint64_t number);

// What changes of a message while it is in its queue.
struct MessageState {
  WallTime visible;  // hidden until then
  WallTime sent;
  WallTime first_received;
  std::uint64_t nonce = 0;
  std::uint32_t receives = 0;
  std::string group;

  std::string encode() const;
  static std::optional<MessageState> decode(std::string_view bytes);
};

struct DedupRecord {
  WallTime expires;
  Number number = 0;
  std::string message_id;

  std::string encode() const;
  static std::optional<DedupRecord> decode(std::string_view bytes);
};

}  // namespace virga::services::queue::internal
