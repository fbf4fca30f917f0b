#include "virga/dispatch/internal/scaling.h"

#include <gtest/gtest.h>

namespace virga::dispatch {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

MeanTime mean(microseconds time) {
  MeanTime mean;
  if (time.count() > 0) mean.add(time);
  return mean;
}

struct Case {
  const char* name;
  std::size_t queued;
  std::size_t instances;
  std::size_t starting;
  milliseconds oldest_wait;
  microseconds run_time;  // 0: not known
  microseconds start_time;
  bool wants;
};

TEST(Lineup, PlacesInstancesWithManyCallsInProportion) {
  EXPECT_EQ(lineup_depth(0, 1), 0u);
  EXPECT_EQ(lineup_depth(7, 1), 7u);
  EXPECT_EQ(lineup_depth(31, 32), 31u);
  EXPECT_EQ(lineup_depth(0, 1000), 0u);
  EXPECT_EQ(lineup_depth(1, 1000), 1u);
  EXPECT_EQ(lineup_depth(1000, 1000), Lineup::kMaxDepth);
  for (std::size_t calls = 1; calls < 1600; ++calls) {
    EXPECT_LE(lineup_depth(calls, 1600), lineup_depth(calls + 1, 1600));
    EXPECT_GE(lineup_depth(calls, 1600), 1u);
  }
}

TEST(Scaling, StartsAnotherInstanceWhenTheWaitIsLongerThanAStart) {
  const Case cases[] = {
      {"nothing waits", 0, 0, 0, milliseconds(0), milliseconds(50), milliseconds(100), false},
      {"nothing waits, all are busy", 0, 8, 0, seconds(1), seconds(9), milliseconds(1), false},
      {"the first call of all", 1, 0, 0, milliseconds(0), microseconds(0), microseconds(0), true},
      {"a start for each that waits", 3, 2, 2, milliseconds(0), microseconds(0), microseconds(0), true},
      {"enough are starting", 3, 3, 3, seconds(1), seconds(1), milliseconds(1), false},
      {"no more than a few at once", 50, 4, 4, seconds(1), seconds(1), milliseconds(1), false},
      {"how long calls run is not known", 5, 1, 0, seconds(1), microseconds(0), milliseconds(100), false},
      {"it may be over at once", 5, 1, 0, milliseconds(9), milliseconds(900), milliseconds(100), false},
      {"long calls", 1, 1, 0, milliseconds(10), milliseconds(900), milliseconds(100), true},
      {"short calls, long start", 100, 1, 0, milliseconds(20), microseconds(100), milliseconds(100), false},
      {"many short calls", 2000, 1, 0, milliseconds(20), microseconds(100), milliseconds(100), true},
      {"many instances share them", 2000, 4, 0, milliseconds(20), microseconds(100), milliseconds(100), false},
      {"a cheap start", 100, 2, 0, milliseconds(20), microseconds(100), milliseconds(3), true},
  };
  for (const auto& each : cases) {
    Demand demand{each.queued,      each.instances,      each.starting,
                  each.oldest_wait, mean(each.run_time), mean(each.start_time)};
    EXPECT_EQ(wants_another(demand), each.wants) << each.name;
  }
}

TEST(Scaling, AForkIsWantedAsSoonAsACallHasToWaitLongerThanForIt) {
  Demand demand;
  demand.queued = demand.instances = 1;
  demand.oldest_wait = -microseconds(20);  // it came after the round of the loop began
  demand.run_time = mean(milliseconds(5));
  demand.start_time = mean(milliseconds(4));
  EXPECT_FALSE(wants_another(demand));
  demand.patience = {};
  EXPECT_TRUE(wants_another(demand));
  demand.run_time = mean(milliseconds(3));
  EXPECT_FALSE(wants_another(demand));
}

TEST(Scaling, PrefetchesByHowLongCallsRun) {
  struct {
    microseconds run_time;
    std::size_t prefetch;
    std::size_t burst;
  } const cases[] = {
      {microseconds(0), 0, 0},   {milliseconds(1), 0, 0},   {microseconds(501), 0, 0},
      {microseconds(500), 1, 0}, {microseconds(250), 2, 0}, {microseconds(60), 8, 1},
      {microseconds(20), 25, 3}, {microseconds(10), 32, 6}, {microseconds(1), 32, 32},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(prefetch_depth(mean(each.run_time)), each.prefetch) << each.run_time.count();
    EXPECT_EQ(burst_depth(mean(each.run_time)), each.burst) << each.run_time.count();
  }
}

TEST(Scaling, AMeanFollowsWhatIsSeen) {
  MeanTime mean;
  EXPECT_FALSE(mean.is_known());
  mean.add(microseconds(100));
  EXPECT_DOUBLE_EQ(mean.microseconds(), 100);
  mean.add(microseconds(1700));
  EXPECT_DOUBLE_EQ(mean.microseconds(), 200);
  for (int i = 0; i < 200; ++i) mean.add(microseconds(10));
  EXPECT_NEAR(mean.microseconds(), 10, 0.1);
}

TEST(Scaling, ACallOfNoTimeIsAKnownOne) {
  MeanTime mean;
  mean.add(microseconds(0));
  EXPECT_TRUE(mean.is_known());
}

TEST(Scaling, AFirstCallTellsOnlyWhenItIsLong) {
  EXPECT_FALSE(is_telling(milliseconds(20)));
  EXPECT_TRUE(is_telling(milliseconds(21)));
}

TEST(Scaling, ExpectsAWaitOfTheQueueTimesTheRunTimeOverTheInstances) {
  Demand demand;
  demand.queued = 9;
  demand.instances = 5;
  demand.run_time = mean(seconds(3));
  EXPECT_EQ(expected_wait(demand), seconds(6));
  demand.instances = 0;
  EXPECT_EQ(expected_wait(demand), seconds(0));
}

TEST(Scaling, APoolYieldsWhileThatMakesItAndTheOtherMoreAlike) {
  auto one = model::mebibytes(10);
  EXPECT_TRUE(should_yield(model::mebibytes(100), one, model::mebibytes(0), one));
  EXPECT_TRUE(should_yield(model::mebibytes(60), one, model::mebibytes(40), one));
  EXPECT_FALSE(should_yield(model::mebibytes(50), one, model::mebibytes(40), one)) << "it would come back";
  EXPECT_FALSE(should_yield(model::mebibytes(10), one, model::mebibytes(0), one)) << "its last one";
}

}  // namespace
}  // namespace virga::dispatch
