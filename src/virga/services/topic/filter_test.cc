#include "virga/services/topic/filter.h"

#include <gtest/gtest.h>

namespace virga::services {
namespace {

TEST(TopicFilter, RefusesWhatIsNone) {
  EXPECT_FALSE(Filter::compile("", Filter::Scope::Body));
  EXPECT_FALSE(Filter::compile(R"({"a": "b"})", Filter::Scope::Attributes));
  EXPECT_FALSE(Filter::compile(R"({"a": {"b": ["c"]}})", Filter::Scope::Attributes));
  EXPECT_TRUE(Filter::compile(R"({"a": {"b": ["c"]}})", Filter::Scope::Body));
}

TEST(TopicFilter, LooksAtAttributesByTheirType) {
  const MessageAttributes attributes = {{"store", {"String", "shop"}},   {"price", {"Number", "11.50"}},
                                        {"label", {"Number.int", "7"}},  {"tags", {"String.Array", R"(["a", "b"])"}},
                                        {"digits", {"String", "11.50"}}, {"broken", {"Number", "x"}}};
  struct Case {
    const char* policy;
    bool fits;
  };
  const Case cases[] = {
      {R"({"store": ["shop"]})", true},
      {R"({"store": [{"prefix": "s"}], "price": [{"numeric": [">", 11]}]})", true},
      {R"({"store": [{"anything-but": "shop"}]})", false},
      {R"({"price": [11.5]})", true},
      {R"({"price": ["11.50"]})", false},
      {R"({"digits": ["11.50"]})", true},
      {R"({"digits": [11.5]})", false},
      {R"({"label": [7]})", true},
      {R"({"tags": ["b"]})", true},
      {R"({"tags": ["c"]})", false},
      {R"({"other": [{"exists": false}]})", true},
      {R"({"$or": [{"store": ["x"]}, {"label": [7]}]})", true},
      {R"({"broken": ["x"]})", true},
  };
  for (const auto& [policy, fits] : cases) {
    auto filter = Filter::compile(policy, Filter::Scope::Attributes);
    ASSERT_TRUE(filter) << policy << ": " << filter.error().message();
    EXPECT_EQ(filter->matches(attributes, "{}"), fits) << policy;
  }
}

TEST(TopicFilter, LooksAtABodyThatIsJson) {
  auto filter = Filter::compile(R"({"a": {"b": [{"numeric": ["<", 5]}]}})", Filter::Scope::Body);
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->matches({}, R"({"a": {"b": 4}})"));
  EXPECT_FALSE(filter->matches({}, R"({"a": {"b": 6}})"));
  EXPECT_FALSE(filter->matches({}, "a text"));
}

}  // namespace
}  // namespace virga::services
