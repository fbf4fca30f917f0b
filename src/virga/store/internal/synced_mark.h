#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::store::internal {

// How far the log of records was synced at some moment, kept outside of it: a log whose end is cut off is a whole log
// of less, and only something that remembers more can tell. The file has two places, written in turns, so that one is
// good whenever the power goes. One thread at a time; blocks.
//
// Format: places of 64 bytes at 0 and 4096: "sequence checksum\n" in hexadecimal, 16 and 8 digits; the checksum is the
// CRC-32C of the 16 digits.
class SyncedMark {
 public:
  // Opens the file, or makes it and syncs its folder.
  static Result<SyncedMark> open(const std::string& path);

  // The larger one of the places that are good. nullopt: the file is new or damaged, so that nothing is known.
  std::optional<std::uint64_t> sequence() const { return sequence_; }
  // Synced when it answers. A smaller sequence than the last one is left out.
  Result<> write(std::uint64_t sequence);

 private:
  SyncedMark(os::Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  os::Descriptor file_;
  std::string path_;
  std::optional<std::uint64_t> sequence_;
  int next_ = 0;
};

}  // namespace virga::store::internal
