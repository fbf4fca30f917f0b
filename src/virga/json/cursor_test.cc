#include "virga/json/cursor.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "virga/json/text.h"

namespace virga::json {
namespace {

TEST(Validate, RefusesWhatIsNotJson) {
  for (std::string_view text : {"",
                                " ",
                                "{",
                                "}",
                                "[",
                                "[1,]",
                                "{\"a\":1,}",
                                "{a:1}",
                                "{'a':1}",
                                "{\"a\" 1}",
                                "{\"a\":}",
                                "01",
                                "-",
                                "1.",
                                ".5",
                                "1e",
                                "+1",
                                "NaN",
                                "nul",
                                "truex",
                                "\"",
                                "\"\\x\"",
                                "\"\\u12g4\"",
                                "\"\\u12",
                                "\"\x01\"",
                                "\"\t\"",
                                "[1 2]",
                                "1 2",
                                "{} {}",
                                "\"\xff\"",
                                "\"\xc0\xaf\"",
                                "\"\xed\xa0\x80\"",
                                "\"\xf4\x90\x80\x80\"",
                                "\"\xe2\x82\"",
                                "[,1]",
                                "{,}",
                                "\xef\xbb\xbf{}",
                                "/**/1",
                                "[1]]",
                                "\"abc\\"}) {
    EXPECT_FALSE(validate(text)) << text;
  }
}

TEST(Validate, AcceptsWhatIsJson) {
  for (std::string_view text :
       {"{}", "[]", "0", "-0", "1.5e-7", "1E+2", "\"\"", "null", "true", "false", " [ 1 , {\"a\" : [ ] } ] \r\n\t",
        "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\\ud800\"", "\"\xc3\xa9 \xf0\x9f\x98\x80\"", "{\"a\":1,\"a\":2}",
        "[[[[{\"b\":{\"c\":[true,false,null]}}]]]]"}) {
    auto result = validate(text);
    EXPECT_TRUE(result) << text << ": " << (result ? "" : result.error().message());
  }
}

TEST(Validate, SaysWhatAndWhere) {
  EXPECT_EQ(validate("{\"a\":1 \"b\":2}").error().message(), "a comma or the end of the object was expected at byte 7");
  EXPECT_EQ(validate("[1,2] x").error().message(), "nothing more was expected at byte 6");
}

TEST(Validate, BoundsTheDepth) {
  EXPECT_TRUE(validate(std::string(512, '[') + std::string(512, ']')));
  EXPECT_FALSE(validate(std::string(513, '[') + std::string(513, ']')));
  EXPECT_FALSE(validate(std::string(1'000'000, '[')));
}

TEST(Cursor, DecodesStrings) {
  for (auto [text, wanted] :
       {std::pair("\"plain\"", "plain"), std::pair("\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "a\n\t\"\\/\b\f\r"),
        std::pair("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
        std::pair("\"\\ud800\\u0041\"",
                  "\xef\xbf\xbd"
                  "A"),
        std::pair("\"\\udc00\"", "\xef\xbf\xbd")}) {
    Cursor cursor(text);
    std::string value;
    EXPECT_TRUE(cursor.read_string(value)) << text;
    EXPECT_EQ(value, wanted) << text;
    EXPECT_TRUE(cursor.finish());
  }
}

TEST(Cursor, WalksObjectsAndArrays) {
  Cursor cursor(R"( {"a": 1, "b": [true, "x"], "c": {"d": null}} )");
  std::string key, walked;
  for (cursor.enter_object(); cursor.next_member(key);) {
    walked += key + ";";
    if (cursor.peek() == Cursor::Kind::Array) {
      for (cursor.enter_array(); cursor.next_element();) {
        std::string_view raw;
        ASSERT_TRUE(cursor.skip_value(raw));
        walked += std::string(raw) + ";";
      }
    } else {
      ASSERT_TRUE(cursor.skip_value());
    }
  }
  EXPECT_TRUE(cursor.finish());
  EXPECT_EQ(walked, "a;b;true;\"x\";c;");
}

TEST(AppendString, IsAlwaysValidJson) {
  std::string hostile;
  for (int byte = 0; byte < 256; ++byte) {
    hostile += static_cast<char>(byte);
    hostile += "x\"\\";
  }
  for (std::string_view text : {std::string_view(hostile), std::string_view("\xff\xfe"), std::string_view("\xe2\x82"),
                                std::string_view("1234567\xc3\xa9"), std::string_view("\xf0\x9f\x98\x80 ok")}) {
    std::string json;
    append_string(json, text);
    boost::json::error_code problem;
    auto value = boost::json::parse(json, problem);
    EXPECT_FALSE(problem) << json;
  }
}

TEST(AppendString, KeepsValidUtf8AndEscapesTheRest) {
  std::string json;
  append_string(json, "caf\xc3\xa9 \x01\n\"\\ \xff");
  EXPECT_EQ(json, "\"caf\xc3\xa9 \\u0001\\n\\\"\\\\ \xef\xbf\xbd\"");
}

TEST(Object, WritesMembersInOrder) {
  std::string out;
  {
    Object object(out);
    object.add("s", "x").add("n", -3).add("u", 7u).add("b", true).add("d", 0.05).add_raw("r", "{}");
    Array array(object.open("a"));
    array.add("1");
    array.add("2");
  }
  EXPECT_EQ(out, R"({"s":"x","n":-3,"u":7,"b":true,"d":0.05,"r":{},"a":["1","2"]})");
}

}  // namespace
}  // namespace virga::json
