#include "virga/services/object/internal/recent.h"

#include <gtest/gtest.h>

namespace virga::services::object::internal {
namespace {

Version sized(std::uint64_t size) {
  Version version;
  version.size = size;
  return version;
}

TEST(RecentVersions, KeepsNothingThatWasReadBeforeAChange) {
  RecentVersions recent(2);
  auto ticket = recent.ticket("a");
  recent.begin_change("a");
  recent.end_change("a");
  EXPECT_FALSE(recent.is_valid("a", ticket));
  recent.keep("a", sized(1), ticket);
  EXPECT_EQ(recent.find("a"), nullptr);
  recent.keep("a", sized(2), recent.ticket("a"));
  ASSERT_NE(recent.find("a"), nullptr);
  EXPECT_EQ(recent.find("a")->size, 2u);
  recent.begin_change("a");
  EXPECT_EQ(recent.find("a"), nullptr);
}

TEST(RecentVersions, KeepsNothingWhileAChangeIsWritten) {
  RecentVersions recent(2);
  recent.begin_change("a");
  auto ticket = recent.ticket("a");
  recent.keep("a", sized(1), ticket);
  EXPECT_EQ(recent.find("a"), nullptr);
  // What was read then is what is there, until the change has ended.
  EXPECT_TRUE(recent.is_valid("a", ticket));
  recent.end_change("a");
  EXPECT_FALSE(recent.is_valid("a", ticket));
}

TEST(RecentVersions, IsBounded) {
  RecentVersions recent(2);
  for (const auto* name : {"a", "b", "c"}) recent.keep(name, sized(1), recent.ticket(name));
  EXPECT_EQ(recent.find("a"), nullptr);
  EXPECT_NE(recent.find("c"), nullptr);
}

}  // namespace
}  // namespace virga::services::object::internal
