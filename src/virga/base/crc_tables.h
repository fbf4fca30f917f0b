#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace virga {

// A CRC of at most 64 bits whose bits are reflected, eight bytes at a time.
class CrcTables {
 public:
  constexpr explicit CrcTables(std::uint64_t polynomial) {
    for (std::uint64_t byte = 0; byte < 256; ++byte) {
      std::uint64_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
      tables_[0][byte] = value;
    }
    for (std::size_t k = 1; k < 8; ++k) {
      for (std::size_t byte = 0; byte < 256; ++byte) {
        auto before = tables_[k - 1][byte];
        tables_[k][byte] = (before >> 8) ^ tables_[0][before & 0xFF];
      }
    }
  }

  // The register after these bytes. What it begins with and what is done to it at the end is the caller's.
  std::uint64_t advance(std::uint64_t crc, std::string_view bytes) const {
    const auto& t = tables_;
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    std::size_t size = bytes.size();
    for (; size >= 8; data += 8, size -= 8) {
      std::uint64_t word = 0;
      for (int i = 7; i >= 0; --i) word = word << 8 | data[i];
      word ^= crc;
      crc = t[7][word & 0xFF] ^ t[6][word >> 8 & 0xFF] ^ t[5][word >> 16 & 0xFF] ^ t[4][word >> 24 & 0xFF] ^
            t[3][word >> 32 & 0xFF] ^ t[2][word >> 40 & 0xFF] ^ t[1][word >> 48 & 0xFF] ^ t[0][word >> 56];
    }
    for (; size > 0; ++data, --size) crc = (crc >> 8) ^ t[0][(crc ^ *data) & 0xFF];
    return crc;
  }

 private:
  // Table k is for a byte with k bytes behind it.
  std::array<std::array<std::uint64_t, 256>, 8> tables_{};
};

}  // namespace virga
