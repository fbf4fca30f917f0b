#include "virga/services/object/block_sums.h"

#include <algorithm>

#include "virga/base/crc32c.h"

namespace virga::services::object {
namespace {

void append(std::string& sums, std::uint32_t sum) {
  for (int shift = 0; shift < 32; shift += 8) sums += static_cast<char>(sum >> shift);
}

std::uint32_t sum_at(std::string_view sums, std::size_t index) {
  std::uint32_t sum = 0;
  for (std::size_t i = kSumSize; i-- > 0;) sum = sum << 8 | static_cast<unsigned char>(sums[index * kSumSize + i]);
  return sum;
}

}  // namespace

void BlockSums::update(std::string_view bytes) {
  while (!bytes.empty()) {
    if (filled_ == 0 && bytes.size() >= kBlock) {
      auto whole = bytes.substr(0, bytes.size() / kBlock * kBlock);
      for (auto sum : crc32c_of_blocks(whole, kBlock)) append(sums_, sum);
      bytes.remove_prefix(whole.size());
      continue;
    }
    auto count = std::min<std::uint64_t>(bytes.size(), kBlock - filled_);
    open_ = crc32c(bytes.substr(0, count), open_);
    filled_ += count;
    bytes.remove_prefix(count);
    if (filled_ < kBlock) continue;
    append(sums_, open_);
    open_ = 0;
    filled_ = 0;
  }
}

std::string BlockSums::finish() {
  if (filled_ > 0) append(sums_, open_);
  return std::move(sums_);
}

std::size_t find_damage(std::string_view bytes, std::string_view sums) {
  auto values = crc32c_of_blocks(bytes, kBlock);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if ((i + 1) * kSumSize > sums.size() || values[i] != sum_at(sums, i)) return i;
  }
  return kAllGood;
}

}  // namespace virga::services::object
