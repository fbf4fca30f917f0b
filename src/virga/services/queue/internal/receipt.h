#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/services/queue/message.h"

namespace virga::services::queue::internal {

// What a receiver shows to delete a message or to hide it longer. Outside it is an opaque text: Base64 of these numbers
// and of a checksum. The nonce is random and new with each receive, so that one receiver cannot speak for another.
struct Receipt {
  std::uint64_t queue = 0;
  Number number = 0;
  std::uint64_t nonce = 0;

  std::string encode() const;
  static std::optional<Receipt> decode(std::string_view text);  // nullopt: nobody here made it
  bool operator==(const Receipt&) const = default;
};

}  // namespace virga::services::queue::internal
