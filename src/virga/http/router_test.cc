#include "virga/http/router.h"

#include <gtest/gtest.h>

namespace virga::http {
namespace {

struct Row {
  std::string method;
  std::string path;
  std::string expected;  // the pattern's number and its captures, or the error
};

TEST(Router, FindsTheMostExactRoute) {
  Router router;
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"GET", "/"},
      {"GET", "/2015-03-31/functions/"},
      {"POST", "/2015-03-31/functions"},
      {"GET", "/2015-03-31/functions/{FunctionName}"},
      {"PUT", "/2015-03-31/functions/{FunctionName}/code"},
      {"GET", "/2015-03-31/functions/special"},
      {"DELETE", "/x/{a}/{b}"},
      {"GET", "/x/y/{b}"},
      {"*", "/fn/{name}/{path+}"},
      {"OPTIONS", "/fn/{name}/{path+}"},
      {"*", "/fn/{name}"},
  };
  for (std::size_t i = 0; i < routes.size(); ++i) {
    auto added = router.add(routes[i].first, routes[i].second);
    ASSERT_TRUE(added) << added.error().message();
    EXPECT_EQ(*added, i);
  }
  const std::vector<Row> table = {
      {"GET", "", "NotFound"},
      {"GET", "x", "NotFound"},
      {"GET", "/nothing", "NotFound"},
      {"GET", "/2015-03-31/functions//code", "NotFound"},
      {"GET", "/2015-03-31/functions/a/code/b", "NotFound"},
      {"GET", "//2015-03-31/functions", "NotFound"},
      {"GET", "/2015-03-31/Functions", "NotFound"},
      {"PATCH", "/2015-03-31/functions", "GET, POST"},
      {"GET", "/2015-03-31/functions/a/code", "PUT"},
      {"GET", "/", "0"},
      {"GET", "/2015-03-31/functions", "1"},
      {"GET", "/2015-03-31/functions/", "1"},
      {"POST", "/2015-03-31/functions/", "2"},
      {"GET", "/2015-03-31/functions/arn%3Aaws", "3 arn%3Aaws"},
      {"GET", "/2015-03-31/functions/arn%3Aaws/", "3 arn%3Aaws"},
      {"PUT", "/2015-03-31/functions/a%2Fb/code/", "4 a%2Fb"},
      {"GET", "/2015-03-31/functions/special", "5"},
      {"PUT", "/2015-03-31/functions/special/code", "4 special"},
      {"GET", "/x/y/z", "7 z"},
      {"DELETE", "/x/y/z", "6 y z"},
      {"BREW", "/fn/a/b/c//d/", "8 a b/c//d/"},
      {"OPTIONS", "/fn/a/b", "9 a b"},
      {"GET", "/fn/a", "10 a"},
      {"GET", "/fn/a/", "10 a"},
      {"OPTIONS", "/fn/a/", "10 a"},
  };
  for (const auto& row : table) {
    auto match = router.find(row.method, row.path);
    std::string found;
    if (!match) {
      found = match.error().code() == ErrorCode::NotFound ? "NotFound" : match.error().message();
    } else {
      found = std::to_string(match->route);
      for (std::size_t i = 0; i < match->capture_count; ++i) found += " " + std::string(match->captures[i]);
    }
    EXPECT_EQ(found, row.expected) << row.method << " " << row.path;
  }
}

TEST(Router, RefusesBadPatterns) {
  Router router;
  for (std::string pattern :
       {"", "a", "/a//", "/a//b", "/{a", "/a}", "/{a+}/b", "/{}", "/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}/{a}"}) {
    auto added = router.add("GET", pattern);
    ASSERT_FALSE(added) << pattern;
    EXPECT_EQ(added.error().code(), ErrorCode::InvalidArgument) << pattern;
  }
  EXPECT_FALSE(router.add("", "/a"));
  EXPECT_TRUE(router.add("GET", "/a/{b}"));
  auto twice = router.add("GET", "/a/{c}/");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), ErrorCode::AlreadyExists);
}

}  // namespace
}  // namespace virga::http
