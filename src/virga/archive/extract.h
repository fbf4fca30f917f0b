#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/archive/zip.h"

namespace virga::archive {

struct Extracted {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;  // those on the way to an entry included
  std::uint64_t symlinks = 0;
  std::uint64_t bytes = 0;
  // SHA-256, hexadecimal, over every path in order with its kind, mode, content or target: equal trees have equal
  // hashes, whatever archive they came from.
  std::string tree_hash;
};

// Unpacks what `inspect` listed into the folder behind the descriptor `directory`, which should be empty: nothing that
// is there is opened, replaced or followed. Files get mode 0644 or 0755, folders 0755, whatever the umask. Blocks.
// After a failure the folder holds part of the tree; the caller removes it.
Result<Extracted> extract(std::string_view zip, const Listing& listing, int directory);

}  // namespace virga::archive
