#pragma once

#include <cstdint>
#include <string>

#include "virga/base/clock.h"
#include "virga/model/names.h"
#include "virga/model/units.h"

namespace virga::model {

// A code archive as a version refers to it.
struct PackageRef {
  PackageId id;        // SHA-256 of the archive, hexadecimal
  Bytes archive_size;  // Lambda's CodeSize
  bool operator==(const PackageRef&) const = default;
};

// A code archive as it is kept: the archive in the blob store, unpacked at most once, then read-only.
struct Package {
  PackageRef ref;
  Bytes unpacked_size;
  std::uint64_t entries = 0;  // files, folders and symlinks in it
  WallTime created;
  bool operator==(const Package&) const = default;
};

// Lambda's CodeSha256: the same digest in Base64. Empty for an id that is not 64 hexadecimal digits.
std::string code_sha256(const PackageId& id);

}  // namespace virga::model
