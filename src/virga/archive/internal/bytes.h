#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace virga::archive::internal {

// Little-endian numbers as zip has them. The caller has checked that the bytes are there.
inline std::uint64_t read_number(std::string_view bytes, std::size_t offset, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}
inline std::uint16_t read16(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(read_number(bytes, offset, 2));
}
inline std::uint32_t read32(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(read_number(bytes, offset, 4));
}
inline std::uint64_t read64(std::string_view bytes, std::size_t offset) {
  return read_number(bytes, offset, 8);
}

inline void append_number(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}
inline void append16(std::string& bytes, std::uint64_t value) {
  append_number(bytes, value, 2);
}
inline void append32(std::string& bytes, std::uint64_t value) {
  append_number(bytes, value, 4);
}
inline void append64(std::string& bytes, std::uint64_t value) {
  append_number(bytes, value, 8);
}

inline constexpr std::uint32_t kLocalHeader = 0x04034b50;
inline constexpr std::uint32_t kCentralHeader = 0x02014b50;
inline constexpr std::uint32_t kEnd = 0x06054b50;
inline constexpr std::uint32_t kZip64End = 0x06064b50;
inline constexpr std::uint32_t kZip64Locator = 0x07064b50;
inline constexpr std::uint32_t kDataDescriptor = 0x08074b50;
inline constexpr std::size_t kLocalHeaderSize = 30;
inline constexpr std::size_t kCentralHeaderSize = 46;
inline constexpr std::size_t kEndSize = 22;
inline constexpr std::size_t kZip64EndSize = 56;
inline constexpr std::size_t kZip64LocatorSize = 20;

}  // namespace virga::archive::internal
