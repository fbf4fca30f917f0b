#include "virga/store/internal/log_check.h"

#include <fcntl.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "virga/os/descriptor.h"
#include "virga/os/file.h"

namespace virga::store::internal {

namespace {

namespace fs = std::filesystem;

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

bool begins_with_zeros(const std::string& path) {
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char header[kHeader];
  return file.valid() && ::read(file.get(), header, kHeader) == static_cast<ssize_t>(kHeader) &&
         is_zero({header, kHeader});
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

LogCheck::LogCheck(const std::string& directory, AtGap at_gap) : at_gap_(at_gap) {
  std::map<std::uint64_t, std::string> logs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    auto name = entry.path().filename().string();
    std::uint64_t number = 0;
    auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (wrong == std::errc() && std::string_view(end) == ".log") logs.emplace(number, entry.path().string());
  }
  bool is_zero_before = false;
  for (const auto& [number, path] : logs) {
    if (is_zero_before) without_beginning_.insert(number);
    is_zero_before = false;
    if (!begins_with_zeros(path)) continue;
    auto hole = find_hole(path);
    if (hole) without_beginning_.insert(number);
    is_zero_before = !hole;  // nothing but zeros: what was in it is missing before the next one
  }
}

rocksdb::WalFilter::WalProcessingOption LogCheck::LogRecordFound(unsigned long long log, const std::string& /*name*/,
                                                                 const rocksdb::WriteBatch& batch,
                                                                 rocksdb::WriteBatch* /*new_batch*/,
                                                                 bool* /*batch_changed*/) {
  // A batch begins with the number of its first change and how many there are.
  std::string_view head = batch.Data();
  auto first = little_endian(head.substr(0, 8));
  auto count = little_endian(head.substr(8, 4));
  bool is_first_of_log = std::exchange(log_, log) != log;
  bool is_gap = next_ != 0 ? first != next_ : is_first_of_log && without_beginning_.contains(log);
  if (is_gap && at_gap_ == AtGap::EndThere) return WalProcessingOption::kStopReplay;
  if (is_gap) return WalProcessingOption::kCorruptedRecord;
  next_ = first + count;
  return WalProcessingOption::kContinueProcessing;
}

}  // namespace virga::store::internal
