#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/archive/limits.h"
#include "virga/base/result.h"

namespace virga::archive {

// Reads zip archives that strangers made. Format: PKWARE APPNOTE.TXT 6.3.10. Pure functions over bytes; any thread.

enum class EntryKind { File, Directory, Symlink };

struct Entry {
  std::string name;  // relative, '/' between components, none at the end
  EntryKind kind = EntryKind::File;
  bool executable = false;  // of a file; every other mode bit of the archive is dropped, set-user-id first of all
  std::uint64_t size = 0;   // unpacked, bytes
  std::string target;       // of a symlink: relative, stays inside the tree
  // Where and how its bytes lie in the archive.
  std::uint64_t data_offset = 0;
  std::uint64_t data_size = 0;
  bool deflated = false;
  std::uint32_t crc32 = 0;
  bool operator==(const Entry&) const = default;
};

struct Listing {
  std::vector<Entry> entries;  // as in the archive
  std::uint64_t unpacked_bytes = 0;
};

// Checks an archive and lists it. Refuses, with the entry, what is wrong, what is allowed and what to do in the
// message: more than the limits allow; entries that share bytes; a local header, a data descriptor or a zip64 record
// that contradicts the central directory; encryption and methods other than store and deflate; names that are absolute,
// hold
// "..", ".", NUL, control characters, backslashes or a drive, are not UTF-8, occur twice or differ in ASCII case only;
// symlinks that leave the tree, entries below a symlink or a file; devices, pipes and sockets. TooLarge for sizes,
// InvalidArgument for the rest. Contents (sizes, checksums) are checked when they are unpacked.
Result<Listing> inspect(std::string_view zip, const Limits& limits = {});

// Unpacks one entry into `sink`, in parts of at most 64 KiB, and stops at the first error of it. Never gives more than
// entry.size bytes; fails if they are fewer or the checksum differs, or if the entry is not of this archive's size.
Result<> unpack(std::string_view zip, const Entry& entry, const std::function<Result<>(std::string_view)>& sink);
// The same, into a string.
Result<std::string> unpack(std::string_view zip, const Entry& entry);

}  // namespace virga::archive
