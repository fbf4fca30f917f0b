#pragma once

#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::os {

// All of these block; call them off the event loops unless the file is known to be small and local.
Result<std::string> read_file(const std::string& path);
// Written beside, fsynced, renamed into place, folder fsynced: after success the bytes survive power loss, after
// failure the old file is whole.
Result<> write_file_durably(const std::string& path, std::string_view bytes, unsigned mode = 0644);
// Writes all of it to a file that blocks. False: a write failed, and errno says how; the caller knows its name.
bool write_all(const Descriptor& file, std::string_view bytes);
// Seals a memory file (F_SEAL_…). Fails while somebody has it mapped for writing.
Result<> seal(const Descriptor& file, int seals, std::string_view name);
Result<> make_directories(const std::string& path, unsigned mode = 0755);
// Removes a tree without following symlinks. No error if it is not there.
Result<> remove_tree(const std::string& path);
Result<> sync_directory(const std::string& path);

// A folder under $TMPDIR that is removed with its content when this ends. For tests and work in progress.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> create();
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace virga::os
