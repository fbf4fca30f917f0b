#include "virga/services/object/internal/keys.h"

#include <gtest/gtest.h>

#include <vector>

namespace virga::services::object::internal {
namespace {

TEST(ObjectKeys, EscapedOnesKeepTheirOrderAndComeBack) {
  using namespace std::string_literals;
  std::vector<std::string> keys = {"\0"s,   "\0\0"s, "\0\1"s, "\1"s,  "a"s, "a\0"s,
                                   "a\0b"s, "a\1"s,  "a!"s,   "a/b"s, "b"s, "\xC3\xA9"s};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::string_view rest;
    auto bytes = escape(keys[i]) + "rest";
    EXPECT_EQ(unescape(bytes, rest), keys[i]);
    EXPECT_EQ(rest, "rest");
    if (i > 0) EXPECT_LT(escape(keys[i - 1]), escape(keys[i])) << i;
  }
  std::string_view rest;
  EXPECT_FALSE(unescape("no end", rest));
  EXPECT_FALSE(unescape(std::string_view("wrong \0\5", 8), rest));
}

TEST(ObjectKeys, NewerVersionsComeFirstAndBeforeTheNextKey) {
  EXPECT_LT(older_key("b", "a", 8), older_key("b", "a", 7));
  EXPECT_LT(older_key("b", "a", 1), older_key("b", "a!", 9));
  EXPECT_LT(older_key("b", "z", 1), end_of(older_prefix("b")));
}

TEST(ObjectKeys, VersionIdsTellTheirSequence) {
  EXPECT_EQ(sequence_in(make_version_id(0x1234, "abcdef")), 0x1234u);
  EXPECT_FALSE(sequence_in("null"));
  EXPECT_FALSE(sequence_in("zzzzzzzzzzzzzzzzabc"));
}

}  // namespace
}  // namespace virga::services::object::internal
