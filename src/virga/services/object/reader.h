#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/os/descriptor.h"
#include "virga/services/object/files.h"
#include "virga/telemetry/metrics.h"

namespace virga::services::object {

// What is read of one file.
struct Piece {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t whole = 0;  // bytes in the file, before its sums
};

// Reads pieces of files one after the other: what lies in memory at once, the rest on workers. Whole blocks are read
// and compared with their sums, so that no damaged byte goes out. One loop; may be destroyed between two calls. `hold`
// keeps the files: it goes with this.
class Reader {
 public:
  // All but the pieces and what holds them outlive it. `read` counts the bytes.
  Reader(io::Loop& loop, io::Workers& workers, const Files& files, std::vector<Piece> pieces,
         std::shared_ptr<void> hold, metrics::Counter& read);

  // Some bytes; "" at the end. DataLoss: a file is damaged, shorter than its record says, or gone.
  io::Task<Result<std::string>> next();
  std::uint64_t size() const { return size_; }  // bytes in all

 private:
  void note(std::string_view bytes);  // which were read
  Result<std::string> read_some();
  // What can be read of the next piece without waiting for the disk; "": nothing.
  Result<std::string> read_cached();
  Result<> read_fully(std::string& bytes, std::uint64_t begin, std::uint64_t count);
  struct Extent;
  Extent next_extent() const;
  Result<std::string> checked(std::string bytes, const Extent& extent, std::string_view sums) const;
  Error damaged(std::string_view how) const;

  io::Loop& loop_;
  io::Workers& workers_;
  const Files& files_;
  metrics::Counter& read_;
  std::vector<Piece> pieces_;
  std::shared_ptr<void> hold_;
  std::uint64_t size_ = 0;
  std::size_t at_ = 0;                          // the piece that is read
  std::uint64_t done_ = 0;                      // bytes of it
  std::shared_ptr<const os::Descriptor> file_;  // shared with who reads the same
};

// What is read of them when only a range of all their bytes is wanted.
std::vector<Piece> slice(const std::vector<Piece>& pieces, std::uint64_t offset, std::uint64_t size);

}  // namespace virga::services::object
