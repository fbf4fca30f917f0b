// Archives come from strangers: whatever the bytes, listing and unpacking end, stay within the limits and touch no
// memory but their own.

#include "virga/archive/zip.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view zip(reinterpret_cast<const char*>(data), size);
  virga::archive::Limits limits{.unpacked_bytes = 1 << 20};
  virga::Result<virga::archive::Listing> listing = virga::archive::inspect(zip, limits);
  if (!listing) return 0;
  if (listing->unpacked_bytes > limits.unpacked_bytes) std::abort();
  for (const virga::archive::Entry& entry : listing->entries) {
    std::uint64_t given = 0;
    auto sink = [&](std::string_view part) -> virga::Result<> {
      given += part.size();
      if (given > entry.size) std::abort();
      return {};
    };
    if (virga::archive::unpack(zip, entry, sink) && given != entry.size) std::abort();
  }
  return 0;
}
