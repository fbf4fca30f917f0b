#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace virga {

// CRC-32C (Castagnoli; RFC 3720, section 12.1): what disks and networks do to bytes by accident changes it. By the
// processor's own instruction where it has one. `before`: the value of what came before these bytes.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// One value for each block of this many bytes; the last block may be shorter. Several at once, which is some three
// times as fast as one after the other.
std::vector<std::uint32_t> crc32c_of_blocks(std::string_view bytes, std::size_t block);

}  // namespace virga
