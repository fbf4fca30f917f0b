#include "virga/store/internal/log_check.h"

#include <rocksdb/write_batch.h>

#include <string_view>

#include "virga/os/file.h"

namespace virga::store::internal {

namespace {

constexpr std::size_t kBlock = 32768;
constexpr std::size_t kHeader = 7;  // checksum, size, type; never across blocks
constexpr std::size_t kRecyclableHeader = 11;
constexpr unsigned char kFirstRecyclable = 5;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::optional<std::uint64_t> find_hole(const std::string& path) {
  auto file = os::read_file(path);
  if (!file) return std::nullopt;  // RocksDB will say so
  std::string_view bytes = *file;
  std::size_t at = 0;
  while (at + kHeader <= bytes.size()) {
    auto left = kBlock - at % kBlock;
    if (left < kHeader) {
      at += left;
      continue;
    }
    auto header = bytes.substr(at, kHeader);
    if (is_zero(header)) {
      if (is_zero(bytes.substr(at))) return std::nullopt;
      return at;
    }
    auto type = static_cast<unsigned char>(header[6]);
    at += (type >= kFirstRecyclable ? kRecyclableHeader : kHeader) + little_endian(header.substr(4, 2));
  }
  return std::nullopt;
}

rocksdb::WalFilter::WalProcessingOption LogCheck::LogRecordFound(unsigned long long /*log*/,
                                                                 const std::string& /*name*/,
                                                                 const rocksdb::WriteBatch& batch,
                                                                 rocksdb::WriteBatch* /*new_batch*/,
                                                                 bool* /*batch_changed*/) {
  // A batch begins with the number of its first change and how many there are.
  std::string_view head = batch.Data();
  auto first = little_endian(head.substr(0, 8));
  auto count = little_endian(head.substr(8, 4));
  // What tables hold may be in the log as well.
  bool is_gap = is_first_ ? first > next_ : first != next_;
  if (is_gap && at_gap_ == AtGap::EndThere) return WalProcessingOption::kStopReplay;
  if (is_gap) return WalProcessingOption::kCorruptedRecord;
  is_first_ = false;
  next_ = first + count;
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace virga::store::internal
