#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/archive/limits.h"
#include "virga/base/result.h"

namespace virga::archive::internal {

// One entry as the central directory describes it, names and contents unjudged.
struct RawEntry {
  std::string_view name;
  std::uint16_t host = 0;  // of "version made by": 3 Unix, 19 macOS
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc32 = 0;
  std::uint64_t compressed_size = 0;
  std::uint64_t size = 0;
  std::uint32_t attributes = 0;
  std::uint64_t header_offset = 0;
  // From the local header.
  std::uint64_t data_offset = 0;
  std::uint64_t end_offset = 0;  // behind the data and its descriptor
};

// Reads the central directory and checks it against the end records and every local header; entries share no byte.
Result<std::vector<RawEntry>> read_directory(std::string_view zip, const Limits& limits);

}  // namespace virga::archive::internal
