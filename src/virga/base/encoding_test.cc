#include "virga/base/encoding.h"

#include <gtest/gtest.h>

namespace virga {
namespace {

TEST(Base64, AgreesWithRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text).value(), bytes);
  }
}

TEST(Base64, RefusesWhatIsNotBase64) {
  for (std::string_view text : {"Zg", "Zg=", "Z===", "====", "Zm9v ", "Zm9\n", "Zg==Zg==", "Zm9-"}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Percent, EncodesAllButUnreserved) {
  EXPECT_EQ(percent_encode("a b/c~%"), "a%20b%2Fc~%25");
  EXPECT_EQ(percent_encode("a b/c", Slash::Keep), "a%20b/c");
  EXPECT_EQ(percent_decode("a%20b%2fc+").value(), "a b/c+");
}

TEST(Percent, RefusesHalfAnEscape) {
  for (std::string_view text : {"%", "%2", "a%", "%zz", "%2g"}) EXPECT_FALSE(percent_decode(text)) << text;
}

TEST(Utf8, RefusesOverlongFormsAndSurrogates) {
  EXPECT_TRUE(is_utf8("Grüße, 世界 😀"));
  for (std::string_view bytes : {"\xC0\xAE", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE4\xBD"}) {
    EXPECT_FALSE(is_utf8(bytes));
  }
}

TEST(Hex, GoesBothWays) {
  EXPECT_EQ(from_hex("00ff7F").value(), std::string("\x00\xff\x7f", 3));
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
}

}  // namespace
}  // namespace virga
