#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace virga::json {

// How many bytes from the start stand in a JSON string as they are: no control characters, '"', '\' or bytes above
// 0x7F. Eight at a time.
inline std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ull, kHighs = 0x8080808080808080ull;
  const char* data = text.data();
  std::size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; i + 8 <= text.size(); i += 8) {
      std::uint64_t word;
      std::memcpy(&word, data + i, 8);
      std::uint64_t quote = word ^ (kOnes * '"'), backslash = word ^ (kOnes * '\\');
      // The high bit of a byte is set where the byte is special; borrows only reach bytes above the first one found.
      std::uint64_t special =
          (word | (word - kOnes * 0x20) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHighs;
      if (special) return i + static_cast<std::size_t>(std::countr_zero(special)) / 8;
    }
  }
  for (; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(data[i]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return i;
}

}  // namespace virga::json
