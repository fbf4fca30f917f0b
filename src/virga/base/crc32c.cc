#include "virga/base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#include "virga/base/crc_tables.h"

namespace virga {
namespace {

constexpr CrcTables kTables(0x82F63B78u);

#if defined(__x86_64__)

constexpr std::size_t kLanes = 4;

std::uint64_t load(const char* place) {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | static_cast<unsigned char>(place[i]);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t advance_by_instruction(std::uint32_t crc, std::string_view bytes) {
  const char* data = bytes.data();
  std::size_t size = bytes.size();
  std::uint64_t value = crc;
  for (; size >= 8; data += 8, size -= 8) value = _mm_crc32_u64(value, load(data));
  crc = static_cast<std::uint32_t>(value);
  for (; size > 0; ++data, --size) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*data));
  return crc;
}

// The instruction takes three cycles, and one can begin in each: blocks that do not depend on each other fill them.
__attribute__((target("sse4.2"))) void four_blocks(const char* data, std::size_t block, std::uint32_t* out) {
  std::array<std::uint64_t, kLanes> value;
  value.fill(0xFFFFFFFFu);
  for (std::size_t at = 0; at + 8 <= block; at += 8) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      value[lane] = _mm_crc32_u64(value[lane], load(data + lane * block + at));
    }
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) out[lane] = ~static_cast<std::uint32_t>(value[lane]);
}

bool has_instruction() {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
}

#endif

std::uint32_t advance(std::uint32_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  if (has_instruction()) return advance_by_instruction(crc, bytes);
#endif
  return static_cast<std::uint32_t>(kTables.advance(crc, bytes));
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  return ~advance(~before, bytes);
}

std::vector<std::uint32_t> crc32c_of_blocks(std::string_view bytes, std::size_t block) {
  std::vector<std::uint32_t> values((bytes.size() + block - 1) / block);
  std::size_t done = 0;
#if defined(__x86_64__)
  if (has_instruction() && block % 8 == 0) {
    for (; (done + kLanes) * block <= bytes.size(); done += kLanes) {
      four_blocks(bytes.data() + done * block, block, &values[done]);
    }
  }
#endif
  for (; done < values.size(); ++done) values[done] = crc32c(bytes.substr(done * block, block));
  return values;
}

}  // namespace virga
