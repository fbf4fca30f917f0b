#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

namespace fs = std::filesystem;
using model::PackageId;
using testing::TestCatalog;

bool nobody(const PackageId&) {
  return false;
}

void fill(const Staging& staging) {
  std::ofstream(staging.path() + "/index.js") << "x";
}

TEST(Package, IsKeptOnceAndReadBack) {
  TestCatalog test;
  PackageId id = test.package("code");
  model::Package package = test.catalog->package(id).value();
  EXPECT_EQ(package.unpacked_size.count, 4u);
  EXPECT_EQ(package.entries, 1u);
  test.clock.turn(std::chrono::seconds(5));
  EXPECT_EQ(test.package("code"), id);
  ASSERT_TRUE(test.open());
  EXPECT_EQ(test.catalog->package(id).value(), package);
  EXPECT_EQ(test.catalog->read_package(id)->size(), package.ref.archive_size.count);
  EXPECT_EQ(test.catalog->usage().code, package.ref.archive_size);
  EXPECT_EQ(test.catalog->read_package(PackageId("nope")).error().code(), ErrorCode::NotFound);
}

TEST(Package, IsRefusedIfItsArchiveIs) {
  TestCatalog test;
  Result<model::Package> package = test.catalog->add_package("no zip");
  ASSERT_FALSE(package);
  EXPECT_EQ(package.error().code(), ErrorCode::InvalidArgument);
  EXPECT_TRUE(test.blobs->list()->empty());
}

TEST(PackageTree, IsThereWhenItIsWhole) {
  TestCatalog test;
  PackageId id = test.package();
  Packages& packages = test.catalog->packages();
  EXPECT_FALSE(packages.is_unpacked(id));
  Result<Staging> staging = packages.stage(id);
  ASSERT_TRUE(staging) << staging.error().message();
  fill(*staging);
  EXPECT_FALSE(packages.is_unpacked(id));
  Result<std::string> path = packages.keep(std::move(*staging));
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(*path, packages.path(id));
  EXPECT_TRUE(packages.is_unpacked(id));
  EXPECT_TRUE(fs::exists(*path + "/index.js"));
  EXPECT_EQ(packages.list()->size(), 1u);
  ASSERT_TRUE(test.open());
  EXPECT_TRUE(test.catalog->packages().is_unpacked(id));
}

TEST(PackageTree, IsGoneIfItWasNotKept) {
  TestCatalog test;
  PackageId id = test.package();
  std::string path;
  {
    Staging staging = test.catalog->packages().stage(id).value();
    fill(staging);
    path = staging.path();
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(PackageTree, OfACrashIsClearedAtTheStart) {
  TestCatalog test;
  PackageId id = test.package();
  auto staging = std::make_unique<Staging>(test.catalog->packages().stage(id).value());
  fill(*staging);
  ASSERT_TRUE(test.open());
  EXPECT_FALSE(fs::exists(staging->path()));
  EXPECT_FALSE(test.catalog->packages().is_unpacked(id));
}

TEST(PackageTree, OfTheFirstToFinishStays) {
  TestCatalog test;
  PackageId id = test.package();
  Packages& packages = test.catalog->packages();
  Staging first = packages.stage(id).value(), second = packages.stage(id).value();
  fill(first);
  fill(second);
  std::string second_path = second.path();
  std::ofstream(second.path() + "/second") << "x";
  ASSERT_TRUE(packages.keep(std::move(first)));
  ASSERT_TRUE(packages.keep(std::move(second)));
  EXPECT_FALSE(fs::exists(packages.path(id) + "/second"));
  EXPECT_FALSE(fs::exists(second_path));
}

TEST(PackageTree, HoldsWhatWasDerivedFromIt) {
  TestCatalog test;
  PackageId id = test.package();
  Packages& packages = test.catalog->packages();
  auto stage = [&] {
    Staging staging = std::move(*packages.stage(id));
    fill(staging);
    return staging;
  };
  ASSERT_TRUE(packages.keep(stage()));
  ASSERT_TRUE(packages.keep_derived(stage(), "/.virga/first"));
  ASSERT_TRUE(packages.keep_derived(stage(), "/.virga/second"));
  std::ofstream(packages.path(id) + "/.virga/first/here") << "x";
  ASSERT_TRUE(packages.keep_derived(stage(), "/.virga/first"));
  EXPECT_TRUE(fs::exists(packages.path(id) + "/.virga/first/here")) << "the first ones stay";
  EXPECT_TRUE(fs::exists(packages.path(id) + "/.virga/second/index.js"));
  ASSERT_TRUE(packages.remove(id));
  EXPECT_FALSE(fs::exists(packages.path(id)));
}

TEST(PackageTree, KeepsWhatItsArchiveBroughtInTheWay) {
  TestCatalog test;
  PackageId id = test.package();
  Packages& packages = test.catalog->packages();
  Staging tree = std::move(*packages.stage(id));
  fs::create_directory(tree.path() + "/elsewhere");
  fs::create_symlink("elsewhere", tree.path() + "/.virga");
  ASSERT_TRUE(packages.keep(std::move(tree)));
  Staging staging = std::move(*packages.stage(id));
  fill(staging);
  Result<> kept = packages.keep_derived(std::move(staging), "/.virga/first");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code(), ErrorCode::AlreadyExists);
  EXPECT_TRUE(fs::is_empty(packages.path(id) + "/elsewhere"));
}

TEST(PackageTree, IsNotMadeForWhatIsNoId) {
  TestCatalog test;
  EXPECT_FALSE(test.catalog->packages().stage(PackageId("../x")));
  EXPECT_FALSE(test.catalog->packages().is_unpacked(PackageId("..")));
}

TEST(Packages, AreCollectedWhenNothingNeedsThem) {
  TestCatalog test;
  Packages& packages = test.catalog->packages();
  CreateFunction request = test.request("hello");
  ASSERT_TRUE(test.catalog->create_function(request));
  ASSERT_TRUE(test.catalog->publish_version(request.name));
  PackageId two = test.package("two"), three = test.package("three"), running = test.package("running");
  ASSERT_TRUE(test.catalog->update_code(request.name, {.package = two, .architecture = {}, .revision = {}}));
  ASSERT_TRUE(test.blobs->write("left by a crash"));
  for (const PackageId& id : {request.package, two, three, running}) {
    Staging staging = packages.stage(id).value();
    fill(staging);
    ASSERT_TRUE(packages.keep(std::move(staging)));
  }
  WallTime before = test.clock.wall();
  EXPECT_EQ(test.catalog->collect_packages(before, nobody).value(), 0u);  // they are too young
  test.clock.turn(std::chrono::hours(1));
  PackageId young = test.package("young");
  ASSERT_EQ(test.package("three"), three);  // uploaded again: young again
  auto in_use = [&](const PackageId& id) { return id == running; };
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), in_use).value(), 0u);
  test.clock.turn(std::chrono::hours(1));
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), in_use).value(), 2u);  // three, young
  EXPECT_EQ(test.blobs->list()->size(), 3u);
  EXPECT_FALSE(packages.is_unpacked(three));
  EXPECT_TRUE(packages.is_unpacked(running));
  EXPECT_TRUE(test.catalog->package(two));
  EXPECT_FALSE(test.catalog->package(young));
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), nobody).value(), 1u);
  EXPECT_FALSE(packages.is_unpacked(running));
  ASSERT_TRUE(test.open());
  EXPECT_TRUE(test.catalog->package(request.package));
}

}  // namespace
}  // namespace virga::catalog
