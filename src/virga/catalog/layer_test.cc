#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

using model::LayerName;
using ::testing::HasSubstr;
using testing::TestCatalog;

PublishLayer layer(const std::string& name, const model::PackageId& package) {
  PublishLayer request;
  request.name = LayerName(name);
  request.package = package;
  request.runtimes = {"nodejs20.x"};
  return request;
}

TEST(Layer, GetsANumberForEachVersionAndNeverTheSame) {
  TestCatalog test;
  PublishLayer request = layer("libs", test.package("lib"));
  EXPECT_EQ(test.catalog->publish_layer(request).value().version, 1u);
  EXPECT_EQ(test.catalog->publish_layer(request).value().version, 2u);
  ASSERT_TRUE(test.catalog->delete_layer_version(LayerName("libs"), 2));
  ASSERT_TRUE(test.catalog->delete_layer_version(LayerName("libs"), 1));
  EXPECT_EQ(test.catalog->delete_layer_version(LayerName("libs"), 1).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(test.catalog->layer(LayerName("libs")).error().code(), ErrorCode::NotFound);
  EXPECT_TRUE(test.catalog->layers("", 10).items.empty());
  ASSERT_TRUE(test.open());
  EXPECT_EQ(test.catalog->publish_layer(request).value().version, 3u);
  Result<model::LayerVersion> third = test.catalog->layer_version(LayerName("libs"), 3);
  ASSERT_TRUE(third);
  EXPECT_THAT(third->runtimes, ::testing::ElementsAre("nodejs20.x"));
  EXPECT_EQ(test.catalog->layer_version(LayerName("libs"), 1).error().code(), ErrorCode::NotFound);
}

TEST(Layer, IsRefusedWithAWrongNameOrPackage) {
  TestCatalog test;
  EXPECT_EQ(test.catalog->publish_layer(layer("a b", test.package())).error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(test.catalog->publish_layer(layer("a", model::PackageId("x"))).error().code(), ErrorCode::NotFound);
}

TEST(Layer, IsListedInPages) {
  TestCatalog test;
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(test.catalog->publish_layer(layer(name, test.package())));
  Page<LayerPointer> page = test.catalog->layers("", 2);
  ASSERT_EQ(page.items.size(), 2u);
  EXPECT_EQ(page.next_marker, "b");
  page = test.catalog->layers(page.next_marker, 2);
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0]->name.text(), "c");
  EXPECT_EQ(page.next_marker, "");
}

TEST(Layer, ServesFunctionsThatUsedItBeforeItWasDeleted) {
  TestCatalog test;
  model::PackageId package = test.package("lib");
  ASSERT_TRUE(test.catalog->publish_layer(layer("libs", package)));
  CreateFunction request = test.request("hello");
  request.config.layers = {{LayerName("libs"), 1}};
  VersionPointer created = test.catalog->create_function(request).value();
  ASSERT_EQ(created->layer_packages.size(), 1u);
  EXPECT_EQ(created->layer_packages[0].id, package);
  ASSERT_TRUE(test.catalog->delete_layer_version(LayerName("libs"), 1));
  Result<VersionPointer> changed =
      test.catalog->update_config(request.name, {.change = [](model::FunctionConfig& config) -> Result<> {
                                                   config.description = "x";
                                                   return {};
                                                 },
                                                 .revision = {}});
  ASSERT_TRUE(changed) << changed.error().message();
  EXPECT_EQ((*changed)->layer_packages, created->layer_packages);
  test.clock.turn(std::chrono::hours(1));
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), [](const auto&) { return false; }).value(), 0u);

  CreateFunction other = test.request("other");
  other.config.layers = request.config.layers;
  EXPECT_THAT(test.catalog->create_function(other).error().message(), HasSubstr("no version 1 of a layer 'libs'"));
}

TEST(Layer, CountsTowardsTheSizeOfTheFunction) {
  Limits limits;
  limits.archive.unpacked_bytes = 100;
  TestCatalog test(limits);
  ASSERT_TRUE(test.catalog->publish_layer(layer("libs", test.package(std::string(80, 'x')))));
  CreateFunction request = test.request("hello");
  ASSERT_TRUE(test.catalog->create_function(request));
  request.name = model::FunctionName("layered");
  request.config.layers = {{LayerName("libs"), 1}};
  Result<VersionPointer> created = test.catalog->create_function(request);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), ErrorCode::TooLarge);
  EXPECT_THAT(created.error().message(), HasSubstr("code and layers are 111 bytes unpacked, allowed are 100"));
}

}  // namespace
}  // namespace virga::catalog
