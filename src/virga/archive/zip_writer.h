#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "virga/archive/zip.h"
#include "virga/base/result.h"

namespace virga::archive {

// Writes a zip in memory. The same members in the same order give the same bytes: times are fixed to 1980-01-01,
// nothing of the machine goes in. One thread at a time.
class ZipWriter {
 public:
  enum class Executable { No, Yes };

  explicit ZipWriter(Limits limits = {}) : limits_(limits) {}

  // Names as `inspect` wants them: what it would refuse is refused here.
  Result<> add_file(std::string_view name, std::string_view content, Executable executable = Executable::No);
  Result<> add_directory(std::string_view name);
  Result<> add_symlink(std::string_view name, std::string_view target);

  // The archive; the writer is used up. Checks it as a whole with `inspect`.
  Result<std::string> finish() &&;

 private:
  Result<> add(std::string_view name, std::string_view content, std::uint32_t mode);

  Limits limits_;
  std::string bytes_;
  std::string directory_;
  std::uint64_t entries_ = 0;
  std::uint64_t unpacked_bytes_ = 0;
};

}  // namespace virga::archive
