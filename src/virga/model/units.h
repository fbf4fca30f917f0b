#pragma once

#include <compare>
#include <cstdint>

namespace virga::model {

// A size in bytes. Never a bare integer, so that it is not taken for megabytes.
struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes kibibytes(std::uint64_t count) {
  return Bytes{count << 10};
}
constexpr Bytes mebibytes(std::uint64_t count) {
  return Bytes{count << 20};
}
// Rounded down.
constexpr std::uint64_t to_mebibytes(Bytes bytes) {
  return bytes.count >> 20;
}

}  // namespace virga::model
