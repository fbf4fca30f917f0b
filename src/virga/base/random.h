#pragma once

#include <cstdint>
#include <span>

namespace virga {

// Where randomness comes from, so that a test can give its own. Any thread.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;

  std::uint64_t next();
  // Evenly spread in [0, 1).
  double fraction();
};

// The kernel's generator, read in blocks of one page for each thread.
Random& system_random();

}  // namespace virga
