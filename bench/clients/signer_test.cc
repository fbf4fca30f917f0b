#include "bench/clients/signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virga::load {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 2025-01-02T03:04:05Z
const WallTime kNow{std::chrono::seconds(1735787045)};

// The signature that botocore's SigV4Auth gives the same request.
TEST(Signer, AgreesWithBotocore) {
  Target target;
  target.host = "127.0.0.1:4600";
  Signer signer(target, "sqs", "virga", "virga");
  Draft draft;
  draft.fields = {{"x-amz-target", "AmazonSQS.SendMessage"}, {"content-type", "application/x-amz-json-1.0"}};
  draft.body = R"({"QueueUrl":"q","MessageBody":"m"})";
  auto head = signer.head(draft, kNow);
  EXPECT_THAT(head, HasSubstr("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nhost: 127.0.0.1:4600\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\ncontent-length: 34\r\n"));
  EXPECT_THAT(head, HasSubstr("Credential=virga/20250102/us-east-1/sqs/aws4_request"));
  EXPECT_THAT(head, HasSubstr("SignedHeaders=content-type;host;x-amz-date;x-amz-target"));
  EXPECT_THAT(head, HasSubstr("Signature=71a4e120a1a66c043186e5691b21769072a000879aebdba3e1e9e322288789bb\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  EXPECT_EQ(signer.head(draft, kNow), head);
}

TEST(Signer, GivesS3TheHashOfTheBody) {
  Target target;
  target.host = "127.0.0.1:4600";
  Signer signer(target, "s3", "virga", "virga");
  Draft draft;
  draft.method = "PUT";
  draft.path = "/bucket/key";
  draft.body = "hello";
  auto head = signer.head(draft, kNow);
  EXPECT_THAT(head,
              HasSubstr("x-amz-content-sha256: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
  EXPECT_THAT(head, HasSubstr("Signature=bdf7dce1b07082ff777625b1ca04c47657b95824249c0a710eb86d81d8e5a891\r\n"));
}

TEST(Signer, SignsNothingWithoutAService) {
  Target target;
  target.host = "localhost:1";
  Signer signer(target, "", "", "");
  Draft draft;
  draft.method = "GET";
  draft.path = "/object";
  EXPECT_EQ(signer.head(draft, kNow), "GET /object HTTP/1.1\r\nhost: localhost:1\r\n\r\n");
}

}  // namespace
}  // namespace virga::load
