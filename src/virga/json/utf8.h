#pragma once

#include <cstddef>
#include <string_view>

namespace virga::json {

// The length of the valid UTF-8 sequence at the start of `bytes`, whose first byte is above 0x7F; 0 if there is none.
inline std::size_t utf8_sequence_length(std::string_view bytes) {
  auto at = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
  auto continues = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  unsigned first = at(0), second = at(1);
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace virga::json
