#include "virga/services/object/checksum.h"

#include <gtest/gtest.h>

#include <span>

#include "virga/base/encoding.h"

namespace virga::services::object {
namespace {

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

// The check values of the catalogue of parametrised CRC algorithms, and those of RFC 1321, FIPS 180.
TEST(Checksum, GivesTheCheckValues) {
  std::string text = "123456789";
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Crc32, text)), "cbf43926");
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Crc32c, text)), "e3069283");
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Crc64Nvme, text)), "ae8b14860a799888");
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Md5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(digest(ChecksumAlgorithm::Sha256, "")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Checksum, IsTheSameHoweverTheBytesArrive) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>(i * 7 + i / 256);
  for (auto algorithm : {ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme,
                         ChecksumAlgorithm::Sha1, ChecksumAlgorithm::Sha256, ChecksumAlgorithm::Md5}) {
    auto whole = digest(algorithm, text);
    EXPECT_EQ(whole.size(), digest_size(algorithm));
    for (std::size_t step : {1u, 3u, 8u, 1000u}) {
      Digest parts(algorithm);
      for (std::size_t at = 0; at < text.size(); at += step) parts.update(std::string_view(text).substr(at, step));
      EXPECT_EQ(hex(parts.finish()), hex(whole)) << static_cast<int>(algorithm) << " by " << step;
    }
  }
}

TEST(Checksum, JoinsThoseOfTwoParts) {
  std::string first = "the first part", second(70'001, 'x');
  for (auto algorithm : {ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc32c, ChecksumAlgorithm::Crc64Nvme}) {
    auto joined = combine_crc(algorithm, digest(algorithm, first), digest(algorithm, second), second.size());
    EXPECT_EQ(hex(joined), hex(digest(algorithm, first + second)));
    EXPECT_EQ(combine_crc(algorithm, digest(algorithm, first), digest(algorithm, ""), 0), digest(algorithm, first));
  }
}

}  // namespace
}  // namespace virga::services::object
