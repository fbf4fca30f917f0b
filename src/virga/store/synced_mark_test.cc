#include "virga/store/internal/synced_mark.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "virga/os/file.h"

namespace virga::store::internal {
namespace {

class SyncedMarkTest : public ::testing::Test {
 protected:
  SyncedMark open() {
    auto mark = SyncedMark::open(path_);
    EXPECT_TRUE(mark);
    return std::move(*mark);
  }
  void change(std::size_t at) {
    auto bytes = *os::read_file(path_);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_TRUE(os::write_file_durably(path_, bytes, 0600));
  }

  os::TemporaryDirectory folder_ = std::move(*os::TemporaryDirectory::create());
  std::string path_ = folder_.path() + "/mark";
};

TEST_F(SyncedMarkTest, RemembersTheLargest) {
  EXPECT_EQ(open().sequence(), std::nullopt);
  {
    auto mark = open();
    for (std::uint64_t sequence : {0u, 1u, 7u, 5u, 300u}) EXPECT_TRUE(mark.write(sequence));
    EXPECT_EQ(mark.sequence(), 300u);
  }
  EXPECT_EQ(open().sequence(), 300u);
  EXPECT_TRUE(open().write(301));
  EXPECT_EQ(open().sequence(), 301u);
}

TEST_F(SyncedMarkTest, AWriteThatWasCutOffLeavesTheOneBefore) {
  EXPECT_TRUE(open().write(1));
  EXPECT_TRUE(open().write(2));
  EXPECT_TRUE(open().write(3));  // where 1 was
  for (std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{20}}) {
    auto bytes = *os::read_file(path_);
    bytes.replace(size, 26 - size, std::string(26 - size, '0'));
    EXPECT_TRUE(os::write_file_durably(path_, bytes, 0600));
    EXPECT_EQ(open().sequence(), 2u) << size;
  }
}

TEST_F(SyncedMarkTest, KnowsNothingFromADamagedFile) {
  EXPECT_TRUE(open().write(41));
  EXPECT_TRUE(open().write(42));
  change(15);
  EXPECT_EQ(open().sequence(), 42u);
  change(4096 + 20);
  EXPECT_EQ(open().sequence(), std::nullopt);
  EXPECT_TRUE(open().write(43));
  EXPECT_EQ(open().sequence(), 43u);
  EXPECT_TRUE(os::write_file_durably(path_, "", 0600));
  EXPECT_EQ(open().sequence(), std::nullopt);
}

}  // namespace
}  // namespace virga::store::internal
