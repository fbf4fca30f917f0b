#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace virga::services::object {

// What an object's file ends with: behind its bytes the CRC-32C of each block of them, four bytes each, little-endian.
// With them a part of a file can be checked without the rest, and a second name of a file is as safe as the first. The
// size of the bytes is in the record that refers to the file.
inline constexpr std::uint64_t kBlock = 16 << 10;
inline constexpr std::uint64_t kSumSize = 4;

// Blocks of so many bytes, the last one perhaps shorter.
constexpr std::uint64_t count_blocks(std::uint64_t size) {
  return (size + kBlock - 1) / kBlock;
}

// The sums of bytes that arrive in pieces of any size. One thread at a time.
class BlockSums {
 public:
  void update(std::string_view bytes);
  // Once: the sums, as they stand in the file.
  std::string finish();

 private:
  std::string sums_;
  std::uint32_t open_ = 0;    // of the block that is not full yet
  std::uint64_t filled_ = 0;  // its bytes
};

inline constexpr std::size_t kAllGood = static_cast<std::size_t>(-1);
// The number of the first block that is not what was written; `bytes` begin with a block, and `sums` with its sum.
std::size_t find_damage(std::string_view bytes, std::string_view sums);

}  // namespace virga::services::object
