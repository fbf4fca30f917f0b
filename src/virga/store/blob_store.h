#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::store {

// Immutable files named by the SHA-256 of their bytes (64 lower-case hexadecimal digits): DIRECTORY/ab/abcdef... A file
// is written aside, fsynced, then renamed into place and its folder fsynced, so one that is in place is whole. Any
// thread, several at once; every call blocks on the disk.
class BlobStore {
 public:
  // Makes the folders if need be and removes what a crash left half-written.
  static Result<BlobStore> open(std::string directory);

  // Keeps the bytes and answers their id. The same bytes again: the same id, nothing written.
  Result<std::string> write(std::string_view bytes);
  // The bytes, checked against the id: NotFound, or DataLoss if they are not what was written.
  Result<std::string> read(std::string_view id) const;
  // Reads all of it and compares with the id, without keeping it in memory.
  Result<> verify(std::string_view id) const;
  bool contains(std::string_view id) const;
  Result<std::uint64_t> size(std::string_view id) const;
  Result<> remove(std::string_view id);           // no error if it is not there
  Result<std::vector<std::string>> list() const;  // ascending
  std::string path(std::string_view id) const;

 private:
  explicit BlobStore(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
};

}  // namespace virga::store
