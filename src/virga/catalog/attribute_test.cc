#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

using model::FunctionName;
using ::testing::HasSubstr;
using testing::TestCatalog;

TEST(Tags, AreAddedReplacedAndRemoved) {
  TestCatalog test;
  FunctionName name = test.create("hello")->function;
  ASSERT_TRUE(test.catalog->tag_function(name, {{"a", "1"}, {"b", "1"}}));
  ASSERT_TRUE(test.catalog->tag_function(name, {{"b", "2"}, {"ключ", "значение"}}));
  ASSERT_TRUE(test.catalog->untag_function(name, {"a", "never"}));
  ASSERT_TRUE(test.open());
  EXPECT_THAT(test.catalog->function(name).value()->function.tags,
              ::testing::ElementsAre(std::pair("b", "2"), std::pair("ключ", "значение")));
}

TEST(Tags, AreAtMostFifty) {
  TestCatalog test;
  FunctionName name = test.create("hello")->function;
  std::map<std::string, std::string> tags;
  for (int i = 0; i < 50; ++i) tags["key" + std::to_string(i)] = "x";
  ASSERT_TRUE(test.catalog->tag_function(name, tags));
  Result<> done = test.catalog->tag_function(name, {{"one more", "x"}});
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("tags: there would be 51, allowed are 50"));
  EXPECT_FALSE(test.catalog->tag_function(name, {{std::string(129, 'k'), "x"}}));
  EXPECT_FALSE(test.catalog->tag_function(name, {{"key1", std::string(257, 'v')}}));
}

TEST(ReservedConcurrency, LeavesEnoughForTheOthers) {
  TestCatalog test;
  FunctionName a = test.create("a")->function, b = test.create("b")->function;
  ASSERT_TRUE(test.catalog->reserve_concurrency(a, 500));
  EXPECT_EQ(test.catalog->usage().unreserved_concurrency, 500u);
  Result<> done = test.catalog->reserve_concurrency(b, 401);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::InvalidArgument);
  EXPECT_THAT(done.error().message(),
              HasSubstr("401 calls for function 'b' would leave fewer than 100 of 1000 unreserved; "
                        "reserve at most 400"));
  EXPECT_TRUE(test.catalog->reserve_concurrency(b, 400));
  EXPECT_TRUE(test.catalog->reserve_concurrency(a, 0));  // none of it may run
  EXPECT_EQ(test.catalog->function(a).value()->function.reserved_concurrency, 0u);
  EXPECT_TRUE(test.catalog->reserve_concurrency(a, std::nullopt));
  ASSERT_TRUE(test.open());
  EXPECT_EQ(test.catalog->function(a).value()->function.reserved_concurrency, std::nullopt);
  EXPECT_EQ(test.catalog->usage().unreserved_concurrency, 600u);
}

TEST(ReservedConcurrency, LeavesATenthOfASmallAccount) {
  for (auto [concurrency, unreserved] :
       {std::pair(5000u, 100u), std::pair(1000u, 100u), std::pair(400u, 40u), std::pair(10u, 1u), std::pair(3u, 0u)}) {
    Limits limits = limits_for(concurrency);
    EXPECT_EQ(limits.concurrency, concurrency);
    EXPECT_EQ(limits.unreserved_concurrency, unreserved) << concurrency;
  }
}

TEST(Attachments, StayWithTheirFunction) {
  TestCatalog test;
  FunctionName name = test.create("hello")->function;
  ASSERT_TRUE(test.catalog->publish_version(name));
  ASSERT_TRUE(test.catalog->attach(name, {"policy", ""}, R"({"a":1})"));
  ASSERT_TRUE(test.catalog->attach(name, {"policy", "1"}, R"({"b":1})"));
  EXPECT_EQ(test.catalog->attach(name, {"policy", "2"}, "{}").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(test.catalog->attach(name, {"policy", "nope"}, "{}").error().code(), ErrorCode::NotFound);
  EXPECT_EQ(test.catalog->attach(name, {"a/b", ""}, "{}").error().code(), ErrorCode::InvalidArgument);
  EXPECT_EQ(test.catalog->attach(name, {"policy", ""}, "\xff").error().code(), ErrorCode::InvalidArgument);
  ASSERT_TRUE(test.open());
  FunctionPointer entry = test.catalog->function(name).value();
  EXPECT_EQ(entry->attachments.at({"policy", ""}), R"({"a":1})");
  EXPECT_EQ(entry->attachments.at({"policy", "1"}), R"({"b":1})");
  ASSERT_TRUE(test.catalog->attach(name, {"policy", ""}, std::nullopt));
  ASSERT_TRUE(test.catalog->delete_version(name, model::VersionNumber(1)));
  EXPECT_TRUE(test.catalog->function(name).value()->attachments.empty());
}

}  // namespace
}  // namespace virga::catalog
