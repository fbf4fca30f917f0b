#include "virga/dialects/aws/s3/chunks.h"

#include <gtest/gtest.h>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace virga::dialects::aws::s3 {
namespace {

Result<std::string> decode(ChunkDecoder& decoder, std::string_view bytes, std::size_t step) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    VIRGA_TRY(decoder.feed(bytes.substr(at, step), out));
  }
  if (!decoder.is_done()) return fail(ErrorCode::Cancelled, "no end");
  return out;
}

constexpr std::string_view kUnsigned = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";

TEST(Chunks, UnsignedOnesGiveTheContentAndTheTrailers) {
  for (std::size_t step : {1u, 2u, 7u, 1000u}) {
    ChunkDecoder decoder(std::nullopt, ChunkDecoder::Trailers::Expected);
    auto content = decode(decoder, kUnsigned, step);
    ASSERT_TRUE(content) << content.error().message();
    EXPECT_EQ(*content, "hello world");
    ASSERT_EQ(decoder.trailers().size(), 1u);
    EXPECT_EQ(decoder.trailers()[0].first, "x-amz-checksum-crc32");
    EXPECT_EQ(decoder.trailers()[0].second, "DUoRhQ==");
  }
}

TEST(Chunks, WhatIsNoSuchBodyIsRefused) {
  for (const std::string& bytes :
       {std::string("5\r\nhelloX\r\n0\r\n\r\n"), std::string("x\r\n"), std::string("\r\n"), std::string("-1\r\n"),
        std::string("5\nhello"), std::string("0\r\n\r\nmore"), std::string("0\r\nno colon\r\n\r\n"),
        std::string("fffffffffffffffff\r\n"), std::string(2000, '1')}) {
    ChunkDecoder decoder(std::nullopt, ChunkDecoder::Trailers::None);
    auto content = decode(decoder, bytes, 1000);
    ASSERT_FALSE(content) << bytes;
    EXPECT_EQ(content.error().code(), ErrorCode::InvalidArgument) << bytes;
  }
}

// The example of the S3 API reference: 66,560 times 'a' in chunks of 64 KiB.
class SignedChunks : public ::testing::Test {
 protected:
  static ChunkDecoder::Chain chain() {
    sigv4::Scope scope{"20130524", "us-east-1", "s3"};
    return {sigv4::signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", scope), "20130524T000000Z", scope.text(),
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
  }
  static std::string body() {
    return "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
           std::string(65536, 'a') +
           "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
           std::string(1024, 'a') +
           "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
  }
};

TEST_F(SignedChunks, AreProven) {
  for (std::size_t step : {1u, 1000u, 100'000u}) {
    ChunkDecoder decoder(chain(), ChunkDecoder::Trailers::None);
    auto content = decode(decoder, body(), step);
    ASSERT_TRUE(content) << content.error().message();
    EXPECT_EQ(*content, std::string(66'560, 'a'));
  }
}

TEST_F(SignedChunks, AChangedByteIsNoticed) {
  for (std::size_t at : {100u, 65'800u, 66'700u}) {
    auto changed = body();
    changed[at] = 'b';
    ChunkDecoder decoder(chain(), ChunkDecoder::Trailers::None);
    EXPECT_FALSE(decode(decoder, changed, 100'000)) << at;
  }
  ChunkDecoder decoder(chain(), ChunkDecoder::Trailers::None);
  auto unsigned_body = decode(decoder, kUnsigned, 100);
  ASSERT_FALSE(unsigned_body);
  EXPECT_EQ(unsigned_body.error().code(), ErrorCode::Unauthenticated);
}

}  // namespace
}  // namespace virga::dialects::aws::s3
