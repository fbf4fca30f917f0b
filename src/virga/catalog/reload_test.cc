#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

using model::FunctionName;
using ::testing::HasSubstr;
using testing::TestCatalog;

void put(TestCatalog& test, const std::string& key, const std::string& value) {
  store::Batch batch;
  batch.put(key, value);
  ASSERT_TRUE(test.store.commit(std::move(batch), store::Durability::Synced));
}

TEST(Catalog, IsTheSameAfterARestart) {
  TestCatalog test;
  FunctionName name = test.create("hello")->function;
  ASSERT_TRUE(test.catalog->publish_version(name));
  ASSERT_TRUE(test.catalog->create_alias(name, {.name = model::AliasName("live"), .version = model::VersionNumber(1)}));
  ASSERT_TRUE(test.catalog->create_url(name, {.alias = model::AliasName("live"), .cors = {}}));
  ASSERT_TRUE(test.catalog->tag_function(name, {{"a", "b"}}));
  FunctionPointer before = test.catalog->function(name).value();
  ASSERT_TRUE(test.open());
  FunctionPointer after = test.catalog->function(name).value();
  EXPECT_EQ(after->function, before->function);
  EXPECT_EQ(*after->latest, *before->latest);
  EXPECT_EQ(*after->published.at(model::VersionNumber(1)), *before->published.at(model::VersionNumber(1)));
  EXPECT_EQ(after->aliases, before->aliases);
  EXPECT_EQ(after->urls, before->urls);
  EXPECT_EQ(after->next_version, before->next_version);
}

TEST(Catalog, NamesADamagedRecordAndStartsWithoutIt) {
  struct {
    std::string key, value, message;
  } cases[] = {
      {"catalog/version/hello/$LATEST", "{",
       "the record 'catalog/version/hello/$LATEST' is damaged (it is not a JSON object)"},
      {"catalog/function/hello", R"({"format":1,"name":"other"})", "it belongs to 'catalog/function/other'"},
      {"catalog/alias/orphan/a", R"({"format":1,"function":"orphan","name":"a"})",
       "catalog/version/orphan/$LATEST' is damaged"},
      {"catalog/future/x", "{}", "it may be of a newer one"},
  };
  for (const auto& [key, value, message] : cases) {
    SCOPED_TRACE(key);
    TestCatalog test;
    test.create("hello");
    test.create("sound");
    ASSERT_TRUE(test.catalog->publish_version(FunctionName("hello")));
    put(test, key, value);
    Result<> opened = test.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), ErrorCode::DataLoss);
    EXPECT_THAT(opened.error().message(), HasSubstr(message));
    EXPECT_THAT(opened.error().message(), HasSubstr("restore the data folder from a backup"));

    Result<std::vector<std::string>> moved = Catalog::set_aside_damaged(test.store);
    ASSERT_TRUE(moved) << moved.error().message();
    EXPECT_THAT(*moved, ::testing::Contains(key));
    EXPECT_EQ(test.store.get("damaged/" + key)->value(), value);
    opened = test.open();
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_TRUE(test.catalog->function(FunctionName("sound")));
    if (test.catalog->function(FunctionName("hello"))) continue;
    // Its numbers stay used.
    test.create("hello");
    EXPECT_EQ(test.catalog->publish_version(FunctionName("hello")).value()->number, model::VersionNumber(2));
  }
}

TEST(Catalog, SetsNothingAsideThatANewerVirgaWrote) {
  TestCatalog test;
  test.create("hello");
  put(test, "catalog/version/hello/$LATEST", R"({"format":2})");
  Result<> opened = test.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message(),
            "the record 'catalog/version/hello/$LATEST' was written by a newer virga; start that one, or restore a "
            "backup [VIRGA0007]");
  EXPECT_FALSE(Catalog::set_aside_damaged(test.store));
  EXPECT_EQ(test.store.get("catalog/version/hello/$LATEST")->value(), R"({"format":2})");
}

TEST(Catalog, MovesNothingAsideIfNothingIsDamaged) {
  TestCatalog test;
  test.create("hello");
  EXPECT_TRUE(Catalog::set_aside_damaged(test.store)->empty());
}

}  // namespace
}  // namespace virga::catalog
