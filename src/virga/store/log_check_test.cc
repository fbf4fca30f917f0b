#include "virga/store/internal/log_check.h"

#include <gtest/gtest.h>

#include "virga/os/file.h"

namespace virga::store::internal {
namespace {

class FindHole : public ::testing::Test {
 protected:
  // A record with this many bytes; its checksum is of no interest here.
  static std::string record(std::size_t size) {
    std::string bytes("sum.", 4);
    bytes += static_cast<char>(size & 0xFF);
    bytes += static_cast<char>(size >> 8);
    bytes += '\1';
    return bytes + std::string(size, 'x');
  }
  std::optional<std::uint64_t> find(const std::string& bytes) {
    auto path = folder_.path() + "/log";
    EXPECT_TRUE(os::write_file_durably(path, bytes, 0600));
    return find_hole(path);
  }

  os::TemporaryDirectory folder_ = std::move(*os::TemporaryDirectory::create());
};

TEST_F(FindHole, FindsNoneInWholeLogs) {
  EXPECT_EQ(find(""), std::nullopt);
  EXPECT_EQ(find(record(0) + record(10)), std::nullopt);
  EXPECT_EQ(find(record(10).substr(0, 12)), std::nullopt);  // cut off
  // A block ends with zeros where no header has room any more.
  EXPECT_EQ(find(record(32768 - 7 - 6) + std::string(6, '\0') + record(5)), std::nullopt);
  EXPECT_EQ(find(record(10) + std::string(5000, '\0')), std::nullopt);  // the end
}

TEST_F(FindHole, FindsZerosWithSomethingBehindThem) {
  EXPECT_EQ(find(std::string(4096, '\0') + record(10)), 0u);
  EXPECT_EQ(find(record(10) + std::string(100, '\0') + record(10)), 17u);
  EXPECT_EQ(find(record(32768 - 7 - 6) + std::string(32768, '\0') + record(5)), 32768u);
}

}  // namespace
}  // namespace virga::store::internal
