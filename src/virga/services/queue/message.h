#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"

namespace virga::services::queue {

// The place of a message in the order of all that was ever sent here, and its sequence number. Never used twice.
using Number = std::uint64_t;

// What a sender says about a message beside its body. A value.
struct Attribute {
  enum class Kind { Text, Binary };
  std::string name;
  std::string type;  // as it was given: "Number.int"
  Kind kind = Kind::Text;
  std::string value;  // bytes
  bool operator==(const Attribute&) const = default;
};

// A message as it is sent. A value.
struct Message {
  std::string id;  // a UUID
  std::string body;
  std::vector<Attribute> attributes;  // by name
  std::string trace;                  // AWSTraceHeader; "": none
  std::string group;                  // "": none
  std::string deduplication;          // "": none
  std::string sender;                 // who sent it, as its door knows it
  std::string dead_letter_source;     // ARN of the queue that gave it up; "": it was sent here
  WallTime sent;

  // Bytes that count against a queue's limit.
  std::size_t size() const;
  std::string encode() const;
  static Result<Message> decode(std::string_view bytes);
  bool operator==(const Message&) const = default;
};

// A message in the hands of a receiver. A value.
struct Received {
  Message message;
  Number number = 0;
  std::string receipt;
  std::uint32_t receives = 0;  // this one counted
  WallTime first_received;
};

}  // namespace virga::services::queue
