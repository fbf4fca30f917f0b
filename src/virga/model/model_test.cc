#include <gtest/gtest.h>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/model/alias.h"
#include "virga/model/function.h"
#include "virga/model/layer.h"
#include "virga/model/package.h"
#include "virga/model/url.h"

namespace virga::model {
namespace {

TEST(Package, GivesItsDigestTheWayLambdaWritesIt) {
  PackageId id(to_hex(sha256("")));
  EXPECT_EQ(code_sha256(id), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(code_sha256(PackageId("nonsense")), "");
  EXPECT_EQ(code_sha256(PackageId("00ff")), "");
}

TEST(VersionNumber, IsLatestUnlessPublished) {
  EXPECT_EQ(VersionNumber().text(), "$LATEST");
  EXPECT_TRUE(VersionNumber().is_latest());
  EXPECT_EQ(VersionNumber(12).text(), "12");
  EXPECT_LT(VersionNumber(2), VersionNumber(10));
}

TEST(FunctionConfig, HasLambdasDefaults) {
  FunctionConfig config;
  EXPECT_EQ(config.timeout, std::chrono::seconds(3));
  EXPECT_EQ(to_mebibytes(config.memory), 128u);
  EXPECT_EQ(to_mebibytes(config.ephemeral_storage), 512u);
  EXPECT_EQ(config.network, NetworkMode::Loopback);
  EXPECT_EQ(config.tracing, TracingMode::PassThrough);
}

TEST(FunctionConfig, DiffersWhenAnySettingDiffers) {
  FunctionConfig a, b;
  EXPECT_EQ(a, b);
  b.environment["KEY"] = "value";
  EXPECT_NE(a, b);
  b = a;
  b.opaque["DeadLetterConfig"] = "{}";
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace virga::model
