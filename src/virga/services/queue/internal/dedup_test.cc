#include "virga/services/queue/internal/dedup.h"

#include <gmock/gmock.h>

namespace virga::services::queue::internal {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr SteadyTime at(int second) {
  return SteadyTime(seconds(second));
}

TEST(Dedup, KnowsAMessageWithinItsWindow) {
  Dedup dedup;
  dedup.add("h", {1, "m", at(300)});
  ASSERT_NE(dedup.find("h", at(299)), nullptr);
  EXPECT_EQ(dedup.find("h", at(299))->message_id, "m");
  EXPECT_EQ(dedup.find("h", at(300)), nullptr);
  EXPECT_EQ(dedup.find("other", at(0)), nullptr);
}

TEST(Dedup, ForgetsWhatIsOverAndNotWhatCameAgain) {
  Dedup dedup;
  dedup.add("a", {1, "m", at(300)});
  dedup.add("b", {2, "n", at(301)});
  dedup.add("a", {3, "o", at(600)});
  EXPECT_THAT(dedup.forget(at(299)), IsEmpty());
  EXPECT_THAT(dedup.forget(at(301)), ElementsAre("b"));
  EXPECT_EQ(dedup.find("a", at(400))->number, 3u);
  EXPECT_THAT(dedup.forget(at(600)), ElementsAre("a"));
}

TEST(DedupHash, FollowsTheQueuesSettings) {
  Settings settings;
  Message one;
  one.body = "body";
  one.group = "g";
  EXPECT_EQ(dedup_hash(one, settings), "");
  settings.is_fifo = true;
  EXPECT_EQ(dedup_hash(one, settings), "") << "no id, and not by content";
  settings.dedup_by_content = true;
  auto other = one;
  other.group = "h";
  EXPECT_EQ(dedup_hash(one, settings), dedup_hash(other, settings));
  settings.dedup_by_group = true;
  EXPECT_NE(dedup_hash(one, settings), dedup_hash(other, settings));
  other = one;
  other.deduplication = "id";
  EXPECT_NE(dedup_hash(one, settings), dedup_hash(other, settings)) << "the id counts, not the body";
}

}  // namespace
}  // namespace virga::services::queue::internal
