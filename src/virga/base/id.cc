#include "virga/base/id.h"

#include <array>

namespace virga {
namespace {

std::string to_uuid(std::array<std::uint8_t, 16> bytes, std::uint8_t version) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | version << 4);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(36, '-');
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    text[at++] = kDigits[bytes[i] >> 4];
    text[at++] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string make_uuid(Random& random) {
  std::array<std::uint8_t, 16> bytes;
  random.fill(bytes);
  return to_uuid(bytes, 4);
}

std::string make_ordered_uuid(WallTime time, Random& random) {
  std::array<std::uint8_t, 16> bytes;
  random.fill(bytes);
  auto milliseconds = static_cast<std::uint64_t>(unix_milliseconds(time));
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  return to_uuid(bytes, 7);
}

std::string make_token(std::size_t length, Random& random) {
  static constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string text;
  while (text.size() < length) {
    std::uint8_t byte = 0;
    random.fill({&byte, 1});
    // 252 is the largest multiple of 36 in a byte: what lies above would favour the first letters.
    if (byte < 252) text += kAlphabet[byte % kAlphabet.size()];
  }
  return text;
}

}  // namespace virga
