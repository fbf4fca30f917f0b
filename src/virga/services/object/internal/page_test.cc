#include "virga/services/object/internal/page.h"

#include <gtest/gtest.h>

#include <vector>

namespace virga::services::object::internal {
namespace {

// "key", "(group)", and "..." if there is more.
std::vector<std::string> walk(Page page, const std::vector<std::string>& keys) {
  std::vector<std::string> out;
  for (const auto& key : keys) {
    switch (page.offer(key)) {
      case Page::Verdict::Item:
        out.push_back(key);
        break;
      case Page::Verdict::Group:
        out.push_back("(" + page.group() + ")");
        break;
      case Page::Verdict::Known:
        break;
      case Page::Verdict::Full:
        if (page.is_truncated()) out.emplace_back("...");
        return out;
    }
  }
  return out;
}

const std::vector<std::string> kKeys = {"asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla", "zoo"};
using Texts = std::vector<std::string>;

TEST(ObjectPage, TellsAllKeysWithoutADelimiter) {
  EXPECT_EQ(walk(Page({"", "", "", 1000}), kKeys), kKeys);
  EXPECT_EQ(walk(Page({"", "", "", 2}), kKeys), (Texts{"asdf", "boo/bar", "..."}));
  EXPECT_EQ(walk(Page({"", "", "", 0}), kKeys), Texts());
  EXPECT_EQ(walk(Page({"", "", "", 6}), kKeys), kKeys);
}

TEST(ObjectPage, TellsEachGroupOnceAndCountsItAsOne) {
  EXPECT_EQ(walk(Page({"", "/", "", 1000}), kKeys), (Texts{"asdf", "(boo/)", "(cquux/)", "zoo"}));
  EXPECT_EQ(walk(Page({"", "/", "", 2}), kKeys), (Texts{"asdf", "(boo/)", "..."}));
  EXPECT_EQ(walk(Page({"boo/", "/", "", 1000}), {"boo/bar", "boo/baz/xyzzy"}), (Texts{"boo/bar", "(boo/baz/)"}));
  EXPECT_EQ(walk(Page({"", "oo", "", 1000}), {"boo/bar", "food", "foot", "x"}), (Texts{"(boo)", "(foo)", "x"}));
}

TEST(ObjectPage, TheGroupThatEndedThePageBeforeIsNotToldAgain) {
  Page page({"", "/", "boo/", 1000});
  EXPECT_TRUE(page.begins_behind_group());
  EXPECT_EQ(walk(page, {"boo/baz/xyzzy", "cquux/thud"}), (Texts{"(cquux/)"}));
  EXPECT_FALSE(Page({"", "/", "boo/bar", 1000}).begins_behind_group());
  EXPECT_FALSE(Page({"boo/", "/", "boo/", 1000}).begins_behind_group());
}

}  // namespace
}  // namespace virga::services::object::internal
