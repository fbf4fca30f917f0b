#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;

const std::string kLayer = "/2018-10-31/layers/tools/versions";
const std::string kArn = "arn:aws:lambda:eu-west-1:123456789012:layer:tools";

std::string content(const std::string& text, const std::string& more = "") {
  return R"({"Content":{"ZipFile":")" + LambdaWorld::zip(text) + "\"}" + more + "}";
}

TEST(LambdaLayers, RefuseWhatCannotBe) {
  LambdaWorld world;
  EXPECT_EQ(world.send("POST", kLayer, "{}").error_type, "ValidationException");
  EXPECT_EQ(world.send("POST", "/2018-10-31/layers/a%20b/versions", content("x")).error_type, "ValidationException");
  EXPECT_EQ(world.send("GET", kLayer + "/1").error_type, "ResourceNotFoundException");
  EXPECT_EQ(world.send("GET", kLayer + "/x").error_type, "SerializationException");
  EXPECT_EQ(world.send("GET", "/2018-10-31/layers?find=LayerVersion&Arn=x").error_type, "ValidationException");
  EXPECT_EQ(world.send("DELETE", kLayer + "/1").status, 204);
}

TEST(LambdaLayers, ArePublishedListedAndUsed) {
  LambdaWorld world;
  auto first = world.send("POST", kLayer, content("1", R"(,"CompatibleRuntimes":["nodejs20.x"],"LicenseInfo":"MIT")"));
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(first.text("LayerVersionArn"), kArn + ":1");
  EXPECT_EQ(first.text("CompatibleRuntimes"), R"(["nodejs20.x"])");
  world.send("POST", kLayer, content("2"));
  EXPECT_EQ(world.send("GET", kLayer + "/2").text("Version"), "2");
  auto by_arn = world.send("GET", "/2018-10-31/layers?find=LayerVersion&Arn=" + percent_encode(kArn + ":1"));
  EXPECT_EQ(by_arn.text("LicenseInfo"), "MIT");
  auto layers = world.send("GET", "/2018-10-31/layers").json().at("Layers").as_array();
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].at("LatestMatchingVersion").at("Version").to_number<int>(), 2);
  auto page = world.send("GET", kLayer + "?MaxItems=1");
  EXPECT_EQ(page.json().at("LayerVersions").at(0).at("Version").to_number<int>(), 2);
  EXPECT_EQ(
      world.send("GET", kLayer + "?Marker=" + page.text("NextMarker")).json().at("LayerVersions").as_array().size(),
      1u);
  EXPECT_EQ(world.send("GET", kLayer + "?CompatibleRuntime=nodejs20.x").json().at("LayerVersions").as_array().size(),
            1u);

  auto function = world.create("f", R"(,"Layers":[")" + kArn + R"(:1"])");
  ASSERT_EQ(function.status, 201) << function.body;
  EXPECT_EQ(function.json().at("Layers").at(0).at("Arn").as_string(), kArn + ":1");
  EXPECT_EQ(world.send("DELETE", kLayer + "/1").status, 204);
  EXPECT_EQ(world.send("GET", kLayer + "/1").status, 404);
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f/configuration").json().at("Layers").as_array().size(), 1u);
  auto gone = world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Layers":[")" + kArn + R"(:1"]})");
  EXPECT_EQ(gone.error_type, "InvalidParameterValueException");
  EXPECT_FALSE(
      world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Layers":[]})").json().contains("Layers"));
}

}  // namespace
}  // namespace virga::dialects::aws
