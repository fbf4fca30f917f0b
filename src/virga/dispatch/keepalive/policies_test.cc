#include "virga/dispatch/keepalive/policies.h"

#include <gtest/gtest.h>

#include "virga/dispatch/keepalive/keeper.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Kept instance(std::uint64_t megabytes, milliseconds start_cost) {
  Kept kept;
  kept.memory = model::mebibytes(megabytes);
  kept.start_cost = start_cost;
  return kept;
}

TEST(GreedyDual, PrefersWhatIsCostlyToHaveAgain) {
  GreedyDual policy(minutes(60));
  auto cheap = instance(50, milliseconds(20));
  auto costly = instance(50, milliseconds(2000));
  policy.used(cheap);
  policy.used(costly);
  EXPECT_LT(policy.worth(cheap), policy.worth(costly));
}

TEST(GreedyDual, PrefersWhatIsSmall) {
  GreedyDual policy(minutes(60));
  auto small = instance(10, milliseconds(100));
  auto large = instance(1000, milliseconds(100));
  policy.used(small);
  policy.used(large);
  EXPECT_LT(policy.worth(large), policy.worth(small));
}

TEST(GreedyDual, PrefersWhatIsUsedOften) {
  GreedyDual policy(minutes(60));
  auto often = instance(50, milliseconds(100));
  auto seldom = instance(50, milliseconds(100));
  for (int i = 0; i < 10; ++i) policy.used(often);
  policy.used(seldom);
  EXPECT_DOUBLE_EQ(policy.worth(often), 10 * policy.worth(seldom));
}

TEST(GreedyDual, CountsNoMoreThanAFewUses) {
  GreedyDual policy(minutes(60));
  auto often = instance(50, milliseconds(100));
  auto once = instance(50, milliseconds(100));
  policy.used(once);
  for (int i = 0; i < 1000; ++i) policy.used(often);
  EXPECT_DOUBLE_EQ(policy.worth(often), 10 * policy.worth(once));
}

TEST(GreedyDual, LetsWhatIsNoLongerUsedGrowOld) {
  GreedyDual policy(minutes(60));
  auto was_used = instance(50, milliseconds(100));
  for (int i = 0; i < 5; ++i) policy.used(was_used);
  // Each that goes lifts the clock, and those that come start from there.
  int generations = 0;
  while (true) {
    auto comes = instance(50, milliseconds(100));
    policy.used(comes);
    if (policy.worth(was_used) < policy.worth(comes)) break;
    policy.evicted(comes, SteadyTime());
    ASSERT_LT(++generations, 10);
  }
  EXPECT_GT(generations, 3) << "not at once either";
}

TEST(GreedyDual, ItsClockNeverGoesBack) {
  GreedyDual policy(minutes(60));
  auto worth_much = instance(1, seconds(1));
  auto worth_little = instance(100, milliseconds(1));
  policy.used(worth_much);
  policy.used(worth_little);
  policy.evicted(worth_much, SteadyTime());
  auto clock = policy.clock();
  policy.evicted(worth_little, SteadyTime());
  EXPECT_EQ(policy.clock(), clock);
}

TEST(GreedyDual, TakesWhatIsNotMeasured) {
  GreedyDual policy(minutes(60));
  Kept unknown;
  policy.used(unknown);
  EXPECT_GT(policy.worth(unknown), 0);
  EXPECT_LT(policy.worth(unknown), 1e6);
}

TEST(LeastRecentlyUsed, LooksAtTheTimeAlone) {
  LeastRecentlyUsed policy(kForever);
  auto older = instance(1, seconds(10));
  auto newer = instance(1000, milliseconds(1));
  older.since = SteadyTime(seconds(1));
  newer.since = SteadyTime(seconds(2));
  EXPECT_LT(policy.worth(older), policy.worth(newer));
}

TEST(TimeToLive, EndsAtTenMinutes) {
  TimeToLive policy;
  Keeper keeper(policy, {model::mebibytes(100), 10});
  std::vector<Kept*> victims;
  auto kept = instance(1, milliseconds(1));
  ASSERT_TRUE(keeper.admit(kept, SteadyTime(), victims));
  keeper.set_idle(kept, SteadyTime());
  keeper.take_expired(SteadyTime(minutes(10) - seconds(1)), victims);
  EXPECT_TRUE(victims.empty());
  keeper.take_expired(SteadyTime(minutes(10)), victims);
  EXPECT_EQ(victims.size(), 1u);
}

TEST(GreedyDual, GivesMemoryBackOnlyWhileNobodyAsksForIt) {
  GreedyDual policy(minutes(60));
  auto at = [](minutes time) { return SteadyTime(time); };
  EXPECT_EQ(policy.idle_limit(at(minutes(100))), minutes(60));
  policy.evicted(instance(50, seconds(1)), at(minutes(100)));
  EXPECT_EQ(policy.idle_limit(at(minutes(100))), kForever);
  EXPECT_EQ(policy.idle_limit(at(minutes(159))), kForever);
  EXPECT_EQ(policy.idle_limit(at(minutes(160))), minutes(60));
}

}  // namespace
}  // namespace virga::dispatch
