#pragma once

#include <optional>
#include <string>

#include "virga/store/store.h"

namespace virga::store::internal {

// The keys a Range speaks of, as [lower, upper); no `upper`: to the end.
struct Bounds {
  std::string lower;
  std::optional<std::string> upper;
};

inline Bounds bounds_of(const Range& range) {
  Bounds bounds{range.prefix, std::nullopt};
  // The first key behind all that begin with the prefix: its last byte that can grow, grown.
  std::string after = range.prefix;
  while (!after.empty() && after.back() == '\xff') after.pop_back();
  if (!after.empty()) {
    after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
    bounds.upper = after;
  }
  if (range.from.empty()) return bounds;
  if (range.order == Order::Ascending) {
    std::string next = range.from + '\0';
    if (next > bounds.lower) bounds.lower = std::move(next);
  } else if (!bounds.upper || range.from < *bounds.upper) {
    bounds.upper = range.from;
  }
  return bounds;
}

// Which precondition of a batch does not hold, for the message.
inline std::unexpected<Error> precondition_failed(std::string_view key) {
  return fail(ErrorCode::PreconditionFailed,
              "store: the record '" + std::string(key) + "' is not as the change expects it");
}

}  // namespace virga::store::internal
