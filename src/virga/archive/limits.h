#pragma once

#include <cstdint>

namespace virga::archive {

// What an archive may hold at most. The sizes are AWS Lambda's quotas; the rest keeps a small archive from costing
// much.
struct Limits {
  std::uint64_t archive_bytes = 50ull << 20;    // the zip file
  std::uint64_t unpacked_bytes = 250ull << 20;  // all entries together
  std::uint64_t entries = 100'000;
  std::uint64_t name_bytes = 255;  // the whole path of an entry
  std::uint64_t depth = 32;        // path components of an entry
  // Unpacked bytes for each archive byte, once `ratio_free_bytes` are unpacked.
  std::uint64_t ratio = 200;
  std::uint64_t ratio_free_bytes = 10ull << 20;
};

}  // namespace virga::archive
