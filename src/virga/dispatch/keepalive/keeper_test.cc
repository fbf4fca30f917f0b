#include "virga/dispatch/keepalive/keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "virga/dispatch/keepalive/policies.h"

namespace virga::dispatch {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

SteadyTime at(seconds time) {
  return SteadyTime(time);
}

// Ten megabytes of room, the one that is idle for longest goes first.
class KeeperTest : public ::testing::Test {
 protected:
  bool admit(Kept& one, std::uint64_t megabytes) {
    one.memory = model::mebibytes(megabytes);
    victims.clear();
    return keeper.admit(one, at(seconds(0)), victims);
  }

  LeastRecentlyUsed policy{minutes(60)};
  Keeper keeper{policy, {model::mebibytes(10), 4}};
  std::vector<Kept*> victims;
  std::array<Kept, 8> kept;
};

TEST_F(KeeperTest, LetsInWhatFitsExactly) {
  EXPECT_TRUE(admit(kept[0], 4));
  EXPECT_TRUE(admit(kept[1], 6));
  EXPECT_EQ(keeper.memory(), model::mebibytes(10));
  EXPECT_FALSE(admit(kept[2], 1));
  EXPECT_EQ(keeper.count(), 2u);
}

TEST_F(KeeperTest, NeverNamesABusyOne) {
  ASSERT_TRUE(admit(kept[0], 5));
  ASSERT_TRUE(admit(kept[1], 5));
  keeper.lend(kept[0], at(seconds(1)));
  EXPECT_FALSE(admit(kept[2], 5));
  EXPECT_THAT(victims, IsEmpty());
  keeper.set_idle(kept[0], at(seconds(2)));
  EXPECT_TRUE(admit(kept[2], 5));
  EXPECT_THAT(victims, ElementsAre(&kept[0]));
}

TEST_F(KeeperTest, NamesAsManyAsNeededTheLeastWorthFirst) {
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(admit(kept[i], 3));
    keeper.set_idle(kept[i], at(seconds(10 - static_cast<int>(i))));
  }
  EXPECT_TRUE(admit(kept[3], 6));
  EXPECT_THAT(victims, ElementsAre(&kept[2], &kept[1]));
  EXPECT_EQ(keeper.memory(), model::mebibytes(9));
  EXPECT_EQ(keeper.idle_memory(), model::mebibytes(3));
}

TEST_F(KeeperTest, ChangesNothingWhenNoEvictionWouldMakeRoom) {
  ASSERT_TRUE(admit(kept[0], 6));
  ASSERT_TRUE(admit(kept[1], 3));
  keeper.set_idle(kept[1], at(seconds(0)));
  EXPECT_FALSE(admit(kept[2], 5));
  EXPECT_THAT(victims, IsEmpty());
  EXPECT_EQ(keeper.count(), 2u);
  EXPECT_EQ(keeper.idle_memory(), model::mebibytes(3));
}

TEST_F(KeeperTest, LetsInOneThatIsLargerThanTheBudgetWhenItIsAlone) {
  ASSERT_TRUE(admit(kept[0], 3));
  EXPECT_FALSE(admit(kept[1], 50));
  keeper.set_idle(kept[0], at(seconds(0)));
  EXPECT_TRUE(admit(kept[1], 50));
  EXPECT_THAT(victims, ElementsAre(&kept[0]));
  EXPECT_FALSE(admit(kept[2], 1));
}

TEST_F(KeeperTest, HoldsTheNumberOfInstancesToo) {
  for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(admit(kept[i], 1));
  EXPECT_FALSE(admit(kept[4], 1));
  keeper.set_idle(kept[2], at(seconds(1)));
  EXPECT_TRUE(admit(kept[4], 1));
  EXPECT_THAT(victims, ElementsAre(&kept[2]));
}

TEST_F(KeeperTest, CountsWhatIsMeasuredLater) {
  ASSERT_TRUE(admit(kept[0], 2));
  ASSERT_TRUE(admit(kept[1], 2));
  keeper.set_idle(kept[0], at(seconds(0)));
  keeper.set_memory(kept[0], model::mebibytes(5));
  keeper.set_memory(kept[1], model::mebibytes(6));
  EXPECT_EQ(keeper.memory(), model::mebibytes(11));
  EXPECT_EQ(keeper.idle_memory(), model::mebibytes(5));
  keeper.take_excess(at(seconds(1)), victims);
  EXPECT_THAT(victims, ElementsAre(&kept[0]));
  EXPECT_EQ(keeper.memory(), model::mebibytes(6));
}

TEST_F(KeeperTest, TakesThoseThatAreIdleForTooLong) {
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(admit(kept[i], 1));
  keeper.set_idle(kept[0], at(minutes(1)));
  keeper.set_idle(kept[1], at(minutes(2)));
  keeper.take_expired(at(minutes(61) - seconds(1)), victims);
  EXPECT_THAT(victims, IsEmpty());
  keeper.take_expired(at(minutes(61)), victims);
  EXPECT_THAT(victims, ElementsAre(&kept[0]));
  victims.clear();
  keeper.take_expired(at(minutes(900)), victims);
  EXPECT_THAT(victims, ElementsAre(&kept[1])) << "the busy one stays";
}

TEST_F(KeeperTest, LeavingTwiceCountsOnce) {
  ASSERT_TRUE(admit(kept[0], 2));
  ASSERT_TRUE(admit(kept[1], 3));
  ASSERT_TRUE(admit(kept[2], 4));
  keeper.leave(kept[0]);
  keeper.leave(kept[0]);
  EXPECT_EQ(keeper.memory(), model::mebibytes(7));
  keeper.set_idle(kept[0], at(seconds(5)));
  EXPECT_EQ(keeper.idle_memory(), model::Bytes{0}) << "it is not counted any more";
  keeper.leave(kept[2]);
  keeper.leave(kept[1]);
  EXPECT_EQ(keeper.count(), 0u);
  EXPECT_EQ(keeper.memory(), model::Bytes{0});
}

TEST_F(KeeperTest, LeavesThoseThatMayNotBeTaken) {
  ASSERT_TRUE(admit(kept[0], 5));
  ASSERT_TRUE(admit(kept[1], 5));
  keeper.set_idle(kept[0], at(seconds(1)));
  keeper.set_idle(kept[1], at(seconds(2)));
  kept[2].memory = model::mebibytes(5);
  auto may_take = [](const Kept& victim, const Kept&, SteadyTime) { return victim.since > at(seconds(1)); };
  victims.clear();
  EXPECT_TRUE(keeper.admit(kept[2], at(seconds(3)), victims, may_take));
  EXPECT_THAT(victims, ElementsAre(&kept[1])) << "although the other is worth less";
  kept[3].memory = model::mebibytes(5);
  victims.clear();
  EXPECT_FALSE(keeper.admit(kept[3], at(seconds(3)), victims, may_take));
  EXPECT_THAT(victims, IsEmpty());
}

TEST_F(KeeperTest, WhatOthersHoldIsNoRoomForInstances) {
  ASSERT_TRUE(admit(kept[0], 4));
  keeper.set_idle(kept[0], at(seconds(1)));
  keeper.set_reserved(model::mebibytes(5));
  ASSERT_TRUE(admit(kept[1], 4));
  EXPECT_THAT(victims, ElementsAre(&kept[0]));
  EXPECT_FALSE(admit(kept[2], 4)) << "nothing is idle";
  keeper.set_idle(kept[1], at(seconds(2)));
  keeper.take_excess(at(seconds(3)), victims);
  EXPECT_THAT(victims, IsEmpty());
  keeper.set_reserved(model::mebibytes(7));
  keeper.take_excess(at(seconds(3)), victims);
  EXPECT_THAT(victims, ElementsAre(&kept[1]));
  EXPECT_TRUE(admit(kept[2], 4)) << "one is let in when there is no other";
}

TEST_F(KeeperTest, AnIdleOneThatIsHeldStays) {
  ASSERT_TRUE(admit(kept[0], 10));
  keeper.set_idle(kept[0], at(seconds(1)));
  keeper.hold(kept[0]);
  EXPECT_EQ(keeper.idle_memory(), model::mebibytes(0));
  EXPECT_FALSE(admit(kept[1], 5));
  keeper.set_idle(kept[0], at(seconds(2)));
  EXPECT_TRUE(admit(kept[1], 5));
}

}  // namespace
}  // namespace virga::dispatch
