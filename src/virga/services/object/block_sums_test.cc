#include "virga/services/object/block_sums.h"

#include <gtest/gtest.h>

namespace virga::services::object {
namespace {

std::string some_bytes(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 13 + i / 251);
  return bytes;
}

std::string sums_of(std::string_view bytes, std::size_t step) {
  BlockSums sums;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) sums.update(bytes.substr(0, step));
  return sums.finish();
}

TEST(BlockSums, AreTheSameHoweverTheBytesArrive) {
  auto bytes = some_bytes(5 * kBlock + 77);
  auto whole = sums_of(bytes, bytes.size());
  EXPECT_EQ(whole.size(), 6 * kSumSize);
  for (std::size_t step :
       {std::size_t{1000}, std::size_t{kBlock - 1}, std::size_t{kBlock}, std::size_t{3 * kBlock + 5}}) {
    EXPECT_EQ(sums_of(bytes, step), whole) << step;
  }
  EXPECT_EQ(sums_of("", 1), "");
}

TEST(BlockSums, FindEveryChangedByteAndWhatIsMissing) {
  auto bytes = some_bytes(2 * kBlock + 10);
  auto sums = sums_of(bytes, bytes.size());
  EXPECT_EQ(find_damage(bytes, sums), kAllGood);
  EXPECT_EQ(find_damage(std::string_view(bytes).substr(kBlock), std::string_view(sums).substr(kSumSize)), kAllGood);
  for (std::size_t at : {std::size_t{0}, std::size_t{kBlock - 1}, std::size_t{kBlock}, bytes.size() - 1}) {
    auto changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    EXPECT_EQ(find_damage(changed, sums), at / kBlock) << at;
  }
  for (std::size_t at = 0; at < sums.size(); ++at) {
    auto changed = sums;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_EQ(find_damage(bytes, changed), at / kSumSize) << at;
  }
  EXPECT_EQ(find_damage(bytes, std::string_view(sums).substr(0, sums.size() - 1)), 2u);
  // A file of nothing but zeros, as a disk may give it back, is not a good one.
  EXPECT_EQ(find_damage(std::string(kBlock, '\0'), std::string(kSumSize, '\0')), 0u);
}

}  // namespace
}  // namespace virga::services::object
