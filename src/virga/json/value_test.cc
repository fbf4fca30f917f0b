#include "virga/json/value.h"

#include <gtest/gtest.h>

namespace virga::json {
namespace {

TEST(JsonValue, KeepsTheTextOfEveryPart) {
  std::string text = R"( {"a": [1.50, "x\n", {"b" : null}], "c":true} )";
  auto value = parse(text);
  ASSERT_TRUE(value) << value.error().message();
  const auto* list = value->find("a");
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->raw, R"([1.50, "x\n", {"b" : null}])");
  ASSERT_EQ(list->elements.size(), 3u);
  EXPECT_EQ(list->elements[0].raw, "1.50");
  EXPECT_EQ(list->elements[0].number, 1.5);
  EXPECT_EQ(list->elements[1].text, "x\n");
  EXPECT_EQ(list->elements[2].raw, R"({"b" : null})");
  EXPECT_TRUE(list->elements[2].find("b")->is(Value::Kind::Null));
  EXPECT_TRUE(value->find("c")->flag);
  EXPECT_EQ(value->find("d"), nullptr);
}

TEST(JsonValue, SaysWhatIsWrong) {
  for (const auto* bad : {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2"}) {
    auto value = parse(bad);
    EXPECT_FALSE(value) << bad;
    if (!value) EXPECT_NE(value.error().message(), "") << bad;
  }
  EXPECT_FALSE(parse(std::string(100'000, '[')));
}

TEST(JsonValue, OfTwoMembersWithOneNameTheLastCounts) {
  std::string text = R"({"a":1,"a":2})";
  auto value = parse(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->find("a")->number, 2);
}

TEST(JsonValue, ComparesNumbersByValue) {
  auto same = [](const std::string& a, const std::string& b) {
    auto first = parse(a), second = parse(b);
    return first && second && same_number(*first, *second);
  };
  EXPECT_TRUE(same("1", "1.0"));
  EXPECT_TRUE(same("1", "10e-1"));
  EXPECT_TRUE(same("-0", "0"));
  EXPECT_FALSE(same("1", "1.00001"));
  EXPECT_FALSE(same("9007199254740993", "9007199254740992"));
  EXPECT_TRUE(same("1e400", "1e401"));
  EXPECT_TRUE(same("1e-400", "0"));
}

}  // namespace
}  // namespace virga::json
