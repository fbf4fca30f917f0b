#include "virga/events/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace virga::events {
namespace {

// The reason why a pattern is refused.
std::string refusal(const std::string& pattern) {
  auto compiled = Pattern::compile(pattern);
  if (compiled) return "";
  std::string message = compiled.error().message();
  std::string begin = "Event pattern is not valid. Reason: ";
  return message.starts_with(begin) ? message.substr(begin.size()) : "(no reason) " + message;
}

TEST(Pattern, RefusesWhatIsNone) {
  struct Case {
    std::string pattern;
    std::string reason;
  };
  const Case cases[] = {
      {"", "a value was expected at byte 0"},
      {"[]", "Filter is not an object"},
      {"{}", "Empty objects are not allowed"},
      {R"({"source": "a"})", R"("source" must be an object or an array)"},
      {R"({"a": {"b": 1}})", R"("b" must be an object or an array)"},
      {R"({"a": {}})", "Empty objects are not allowed"},
      {R"({"a": []})", "Empty arrays are not allowed"},
      {R"({"a": [["b"]]})", "Match value must be String, number, true, false, or null"},
      {R"({"a": [{}]})", "Empty objects are not allowed"},
      {R"({"a": [{"starts": "b"}]})", "Unrecognized match type starts"},
      {R"({"a": [{"prefix": "b", "suffix": "c"}]})", "Only one key allowed in match expression"},
      {R"({"a": [{"prefix": 1}]})", "prefix match pattern must be a string"},
      {R"({"a": [{"suffix": []}]})", "suffix match pattern must be a string"},
      {R"({"a": [{"exists": "true"}]})", "exists match pattern must be either true or false."},
      {R"({"a": [{"numeric": 5}]})", "Value of numeric must be an array."},
      {R"({"a": [{"numeric": ["!=", 5]}]})", "Unrecognized numeric range operator: !="},
      {R"({"a": [{"numeric": [">", "5"]}]})", "Value of > must be numeric."},
      {R"({"a": [{"numeric": [">", 5, "<", 5]}]})", "Bottom must be less than top"},
      {R"({"a": [{"numeric": [">", 5, "=", 6]}]})", "Too many terms in numeric range expression"},
      {R"({"a": [{"anything-but": null}]})", "Inside anything but list, start|null|boolean is not supported."},
      {R"({"a": [{"anything-but": ["b", 1]}]})",
       "Inside anything but list, either all values are number or string, mixed type is not supported"},
      {R"({"a": [{"anything-but": {"numeric": ["=", 1]}}]})", "Unsupported anything-but pattern: numeric"},
      {R"({"a": [{"anything-but": {"prefix": ""}}]})", "Null prefix/suffix not allowed in anything-but prefix"},
      {R"({"a": [{"wildcard": "a**"}]})", "Consecutive wildcard characters at pos 1"},
      {R"({"a": [{"wildcard": "a\\b"}]})", "Invalid escape character at pos 1"},
      {R"({"a": [{"cidr": "10.0.0.0"}]})", "Malformed CIDR, one '/' required"},
      {R"({"a": [{"cidr": "10.0.0/8"}]})", "Malformed CIDR, illegal IP address: 10.0.0"},
      {R"({"a": [{"cidr": "10.0.0.0/33"}]})", "Malformed CIDR, mask bits must not be more than 32"},
  };
  for (const auto& [pattern, reason] : cases) EXPECT_EQ(refusal(pattern), reason) << pattern;
}

TEST(Pattern, MatchesOneField) {
  struct Case {
    std::string list;   // of the field "a" in the pattern
    std::string value;  // of it in the event; "": it is not there
    bool fits;
  };
  const Case cases[] = {
      {R"(["b"])", R"("b")", true},
      {R"(["b"])", R"("B")", false},
      {R"(["b", "c"])", R"("c")", true},
      {R"(["1"])", "1", false},
      {"[1]", "1.0", true},
      {"[300]", "3.0e2", true},
      {"[1]", R"("1")", false},
      {"[true]", "true", true},
      {"[true]", R"("true")", false},
      {"[false]", "true", false},
      {"[null]", "null", true},
      {"[null]", R"("")", false},
      {"[null]", "", false},
      {R"([""])", R"("")", true},
      {R"(["b"])", R"(["x", "b"])", true},
      {R"(["b"])", R"([["x"], ["b"]])", true},
      {R"(["b"])", "[]", false},
      {R"(["b"])", R"({"b": "b"})", false},
      {R"([{"prefix": "ab"}])", R"("abc")", true},
      {R"([{"prefix": "ab"}])", R"("ABC")", false},
      {R"([{"prefix": {"equals-ignore-case": "aB"}}])", R"("Abc")", true},
      {R"([{"prefix": ""}])", R"("x")", true},
      {R"([{"prefix": "1"}])", "12", false},
      {R"([{"suffix": ".png"}])", R"("a.png")", true},
      {R"([{"suffix": ".png"}])", R"("a.PNG")", false},
      {R"([{"suffix": {"equals-ignore-case": ".png"}}])", R"("a.PNG")", true},
      {R"([{"equals-ignore-case": "Alice"}])", R"("aLICE")", true},
      {R"([{"numeric": ["=", 5]}])", "5.0", true},
      {R"([{"numeric": [">", 0, "<=", 5]}])", "5", true},
      {R"([{"numeric": [">", 0, "<=", 5]}])", "0", false},
      {R"([{"numeric": ["<", 10]}])", "-3", true},
      {R"([{"numeric": [">=", 10]}])", "10", true},
      {R"([{"numeric": [">=", 10]}])", R"("11")", false},
      {R"([{"anything-but": "b"}])", R"("c")", true},
      {R"([{"anything-but": "b"}])", R"("b")", false},
      {R"([{"anything-but": "b"}])", "1", true},
      {R"([{"anything-but": "b"}])", "", false},
      {R"([{"anything-but": [1, 2]}])", "2.0", false},
      {R"([{"anything-but": ["b", "c"]}])", R"(["b", "d"])", true},
      {R"([{"anything-but": {"prefix": "b"}}])", R"("bc")", false},
      {R"([{"anything-but": {"prefix": ["b", "c"]}}])", R"("d")", true},
      {R"([{"anything-but": {"suffix": ".txt"}}])", R"("a.txt")", false},
      {R"([{"anything-but": {"equals-ignore-case": ["b"]}}])", R"("B")", false},
      {R"([{"anything-but": {"wildcard": "*/lib/*"}}])", R"("/usr/lib/x")", false},
      {R"([{"anything-but": {"wildcard": "*/lib/*"}}])", R"("/usr/bin/x")", true},
      {R"([{"exists": true}])", "null", true},
      {R"([{"exists": true}])", "", false},
      {R"([{"exists": true}])", "[]", false},
      {R"([{"exists": false}])", "", true},
      {R"([{"exists": false}])", "0", false},
      {R"([{"exists": false}, "b"])", R"("b")", true},
      {R"([{"wildcard": "a*c"}])", R"("abbc")", true},
      {R"([{"wildcard": "a*c"}])", R"("ac")", true},
      {R"([{"wildcard": "ab*ba"}])", R"("aba")", false},
      {R"([{"wildcard": "*.example.*"}])", R"("www.example.org")", true},
      {R"([{"wildcard": "a\\*"}])", R"("a*")", true},
      {R"([{"wildcard": "a\\*"}])", R"("ab")", false},
      {R"([{"wildcard": "*"}])", R"("")", true},
      {R"([{"cidr": "10.0.0.0/24"}])", R"("10.0.0.255")", true},
      {R"([{"cidr": "10.0.0.0/24"}])", R"("10.0.1.0")", false},
      {R"([{"cidr": "10.0.0.0/22"}])", R"("10.0.3.1")", true},
      {R"([{"cidr": "0.0.0.0/0"}])", R"("1.2.3.4")", true},
      {R"([{"cidr": "0.0.0.0/0"}])", R"("host")", false},
      {R"([{"cidr": "2001:db8::/32"}])", R"("2001:db8:1::7")", true},
      {R"([{"cidr": "2001:db8::/32"}])", R"("10.0.0.1")", false},
  };
  for (const auto& [list, value, fits] : cases) {
    auto pattern = Pattern::compile(R"({"a": )" + list + "}");
    ASSERT_TRUE(pattern) << list << ": " << pattern.error().message();
    EXPECT_EQ(pattern->matches(value.empty() ? "{}" : R"({"a": )" + value + "}"), fits) << list << " on " << value;
  }
}

TEST(Pattern, MatchesWholeEvents) {
  struct Case {
    std::string pattern;
    std::string event;
    bool fits;
  };
  const Case cases[] = {
      {R"({"a": [1], "b": [2]})", R"({"a": 1, "b": 2, "c": 3})", true},
      {R"({"a": [1], "b": [2]})", R"({"a": 1, "b": 3})", false},
      {R"({"a": {"b": {"c": ["x"]}}})", R"({"a": {"b": {"c": "x"}}})", true},
      {R"({"a": {"b": ["x"]}})", R"({"a": "x"})", false},
      {R"({"a": {"b": [{"exists": false}]}})", R"({"z": 1})", true},
      {R"({"a": {"b": [{"exists": false}]}})", R"({"a": {"b": 1}})", false},
      // Fields of one object are looked for in one element.
      {R"({"a": {"b": [1], "c": [2]}})", R"({"a": [{"b": 1, "c": 2}, {"b": 3}]})", true},
      {R"({"a": {"b": [1], "c": [2]}})", R"({"a": [{"b": 1}, {"c": 2}]})", false},
      {R"({"$or": [{"a": [1]}, {"b": [2]}]})", R"({"b": 2})", true},
      {R"({"$or": [{"a": [1]}, {"b": [2]}]})", R"({"a": 2, "b": 1})", false},
      {R"({"c": [3], "$or": [{"a": [1]}, {"b": [2]}]})", R"({"a": 1})", false},
      {R"({"d": {"$or": [{"a": [1]}, {"b": [{"numeric": [">", 5]}]}]}})", R"({"d": {"b": 6}})", true},
      {R"({"$or": [{"$or": [{"a": [1]}, {"b": [1]}]}, {"c": [1]}]})", R"({"b": 1})", true},
      // A field may have that name.
      {R"({"$or": ["x"]})", R"({"$or": "x"})", true},
      {R"({"$or": [{"prefix": "x"}, {"prefix": "y"}]})", R"({"$or": "yes"})", true},
      {R"({"a": ["é"]})", "{\"a\": \"\\u00e9\"}", true},
      {R"({"a": [1]})", "no JSON", false},
      {R"({"a": [1]})", "[]", false},
  };
  for (const auto& [pattern, event, fits] : cases) {
    auto compiled = Pattern::compile(pattern);
    ASSERT_TRUE(compiled) << pattern << ": " << compiled.error().message();
    EXPECT_EQ(compiled->matches(event), fits) << pattern << " on " << event;
  }
}

}  // namespace
}  // namespace virga::events
