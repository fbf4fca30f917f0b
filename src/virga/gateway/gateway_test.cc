#include "virga/gateway/gateway.h"

#include <gtest/gtest.h>

namespace virga::gateway {
namespace {

TEST(FunctionTarget, IsFoundByPathOrHost) {
  struct Case {
    std::string_view host, path, function, rest;
  };
  const Case cases[] = {
      // Refusals first: these are for no function.
      {"127.0.0.1:4600", "/", "", ""},
      {"127.0.0.1:4600", "/fn", "", ""},
      {"fn.localhost:4600", "/", "", ""},
      {".fn.localhost", "/", "", ""},
      {"hello.fn.localhost.example.org", "/", "", ""},
      {"127.0.0.1:4600", "/fn/", "", ""},
      // These are.
      {"127.0.0.1:4600", "/fn/hello", "hello", ""},
      {"127.0.0.1:4600", "/fn/hello/", "hello", "/"},
      {"127.0.0.1:4600", "/fn/hello/a/b", "hello", "/a/b"},
      {"127.0.0.1:4600", "/fn/hello%3Alive/a", "hello%3Alive", "/a"},
      {"hello.fn.localhost", "/a", "hello", "/a"},
      {"Hello.FN.localhost:4600", "/", "Hello", "/"},
      {"other.fn.localhost", "/fn/hello/a", "hello", "/a"},
  };
  for (const auto& c : cases) {
    auto target = function_target(c.host, c.path);
    EXPECT_EQ(target.function, c.function) << c.host << c.path;
    if (!c.function.empty()) EXPECT_EQ(target.path, c.rest) << c.host << c.path;
  }
}

}  // namespace
}  // namespace virga::gateway
