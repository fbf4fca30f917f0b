#include "virga/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace virga {
namespace {

TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);            // the check value of CRC catalogues
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

TEST(Crc32c, GoesOnWithWhatCameBefore) {
  EXPECT_EQ(crc32c("56789", crc32c("1234")), crc32c("123456789"));
}

TEST(Crc32c, OfBlocksIsThatOfEachBlock) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  for (std::size_t block : {8u, 64u, 100u, 1000u, 1024u}) {
    for (std::size_t size : {0u, 1u, 63u, 64u, 65u, 256u, 999u, 1000u}) {
      std::string_view part(bytes.data(), size);
      auto values = crc32c_of_blocks(part, block);
      ASSERT_EQ(values.size(), (size + block - 1) / block);
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], crc32c(part.substr(i * block, block)));
    }
  }
}

}  // namespace
}  // namespace virga
