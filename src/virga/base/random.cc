#include "virga/base/random.h"

#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "virga/base/assert.h"

namespace virga {
namespace {

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    struct Block {
      std::array<std::uint8_t, 4096> bytes;
      std::size_t used = sizeof(bytes);
    };
    thread_local Block block;
    while (!bytes.empty()) {
      if (block.used == block.bytes.size()) {
        VIRGA_ASSERT(RAND_bytes(block.bytes.data(), static_cast<int>(block.bytes.size())) == 1);
        block.used = 0;
      }
      std::size_t count = std::min(bytes.size(), block.bytes.size() - block.used);
      std::memcpy(bytes.data(), block.bytes.data() + block.used, count);
      // What was handed out is forgotten here, so that a leak of this block tells nothing about the past.
      std::memset(block.bytes.data() + block.used, 0, count);
      block.used += count;
      bytes = bytes.subspan(count);
    }
  }
};

}  // namespace

std::uint64_t Random::next() {
  std::uint64_t value = 0;
  fill({reinterpret_cast<std::uint8_t*>(&value), sizeof(value)});
  return value;
}

double Random::fraction() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

}  // namespace virga
