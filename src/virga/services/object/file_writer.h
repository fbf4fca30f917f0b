#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/services/object/checksum.h"
#include "virga/services/object/files.h"
#include "virga/services/object/internal/spare_files.h"
#include "virga/telemetry/metrics.h"

namespace virga::services::object {

// Bytes that are on the disk, synced, and that no record refers to yet.
struct StoredFile {
  std::string id;  // "": there are no bytes
  std::uint64_t size = 0;
  std::string md5;                   // 16 bytes
  std::vector<std::string> digests;  // of the algorithms that were asked for, in their order
  std::vector<ChecksumAlgorithm> algorithms;

  // "" if it was not asked for.
  std::string_view digest(ChecksumAlgorithm algorithm) const;
};

// Writes one file in pieces, on workers, and computes its digests on the way: memory stays the same however long it is.
// One loop. What was not finished is removed with this.
class FileWriter {
 public:
  // The loop, the workers, the spare files and the counter, of bytes that are given to it, outlive it.
  FileWriter(io::Loop& loop, io::Workers& workers, Files& files, internal::SpareFiles& spare,
             const std::vector<ChecksumAlgorithm>& algorithms, metrics::Counter& written);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // The bytes may go when this has ended. ResourceExhausted: the disk is full.
  io::Task<Result<>> write(std::string_view bytes);
  // Once, and nothing after it. The file is the caller's from here on.
  io::Task<Result<StoredFile>> finish();

  std::uint64_t size() const { return size_; }

 private:
  struct Work;
  io::Task<Result<>> flush();
  void choose_file();

  io::Loop& loop_;
  io::Workers& workers_;
  internal::SpareFiles& spare_;
  std::string buffer_;
  metrics::Counter& written_;
  std::uint64_t size_ = 0;
  std::shared_ptr<Work> work_;  // shared with the worker that cleans up when this is gone
};

}  // namespace virga::services::object
