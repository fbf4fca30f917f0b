#include "bench/load/search.h"

#include <gtest/gtest.h>

namespace virga::load {
namespace {

// Searches a server that holds every rate up to `limit`; returns how many runs it took.
unsigned run(Search& search, double limit) {
  unsigned runs = 0;
  while (auto rate = search.next()) {
    search.record(*rate, *rate <= limit);
    if (++runs > 100) break;
  }
  return runs;
}

TEST(Search, FindsTheHighestRateThatHolds) {
  for (double limit : {1001.0, 2500.0, 16'667.0, 63'000.0}) {
    Search search({.lowest = 1000, .highest = 100'000, .precision = 0.02, .runs = 30});
    EXPECT_LE(run(search, limit), 15U);
    ASSERT_TRUE(search.best());
    EXPECT_LE(*search.best(), limit);
    EXPECT_GE(*search.best() * 1.021, limit);
  }
}

TEST(Search, EndsAtTheHighestRate) {
  Search search({.lowest = 1000, .highest = 5000, .precision = 0.01, .runs = 30});
  EXPECT_EQ(run(search, 1e9), 4U);  // 1000, 2000, 4000, 5000
  EXPECT_EQ(search.best(), 5000);
}

TEST(Search, GoesDownWhenTheLowestMisses) {
  Search search({.lowest = 1000, .highest = 100'000, .precision = 0.05, .runs = 30});
  run(search, 90);
  ASSERT_TRUE(search.best());
  EXPECT_NEAR(*search.best(), 90, 5);
}

TEST(Search, EndsWithNothingWhenNoRateHolds) {
  Search search({.lowest = 100, .highest = 1000, .precision = 0.05, .runs = 30});
  EXPECT_LE(run(search, 0), 9U);
  EXPECT_FALSE(search.best());
}

TEST(Search, MakesNoMoreRunsThanAllowed) {
  Search search({.lowest = 1000, .highest = 1e9, .precision = 1e-9, .runs = 7});
  EXPECT_EQ(run(search, 123'456'789), 7U);
}

TEST(Conditions, HoldByRatioAndMean) {
  Conditions conditions;
  Results results;
  EXPECT_FALSE(conditions.hold(results)) << "nothing was asked";
  results.scheduled = 10'000;
  results.succeeded = 9'999;
  results.latency.record(59'000'000);
  EXPECT_TRUE(conditions.hold(results));
  results.succeeded = 9'998;
  EXPECT_FALSE(conditions.hold(results));
  results.succeeded = 10'000;
  results.latency.record(61'000'000);
  EXPECT_FALSE(conditions.hold(results)) << "a mean of exactly 60 ms is not below it";
}

}  // namespace
}  // namespace virga::load
