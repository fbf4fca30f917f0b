#include "bench/load/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace virga::load {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

std::vector<std::int64_t> moments(const Plan& plan, unsigned share = 0, unsigned shares = 1) {
  std::vector<std::int64_t> found;
  for (Schedule schedule(plan, share, shares); !schedule.finished(); schedule.advance()) {
    found.push_back(schedule.next().count());
  }
  return found;
}

TEST(Schedule, SendsAtAConstantRateFromTheStart) {
  auto found = moments({.rate = 1000, .length = seconds(1)});
  ASSERT_EQ(found.size(), 1000U);
  for (std::size_t k = 0; k < found.size(); ++k) EXPECT_EQ(found[k], static_cast<std::int64_t>(k) * 1'000'000);
}

TEST(Schedule, HoldsTheNumberOfAMillionInAMinute) {
  EXPECT_EQ(moments({.rate = 1e6 / 60, .length = seconds(60)}).size(), 1'000'000U);
}

TEST(Schedule, SharesOfAConstantRateTakeTurns) {
  Plan plan{.rate = 900, .length = seconds(1)};
  std::vector<std::int64_t> all;
  for (unsigned share = 0; share < 3; ++share) {
    auto part = moments(plan, share, 3);
    EXPECT_EQ(part.size(), 300U);
    all.insert(all.end(), part.begin(), part.end());
  }
  std::ranges::sort(all);
  for (std::size_t k = 1; k < all.size(); ++k) EXPECT_NEAR(static_cast<double>(all[k] - all[k - 1]), 1e9 / 900, 2);
}

TEST(Schedule, RampsUpInAStraightLine) {
  auto found = moments({.rate = 1000, .ramp = seconds(2), .length = seconds(1)});
  auto before = [&](std::int64_t moment) {
    return std::ranges::count_if(found, [&](std::int64_t value) { return value < moment; });
  };
  EXPECT_NEAR(static_cast<double>(before(1'000'000'000)), 250, 1);  // a quarter of the triangle by half its time
  EXPECT_NEAR(static_cast<double>(before(2'000'000'000)), 1000, 1);
  EXPECT_NEAR(static_cast<double>(found.size()), 2000, 1);
  EXPECT_TRUE(std::ranges::is_sorted(found));
}

TEST(Schedule, PoissonArrivalsHaveTheRateAndTheSpreadOfTheirLaw) {
  auto found = moments({.rate = 1000, .length = seconds(50), .arrivals = Arrivals::Poisson});
  double count = static_cast<double>(found.size());
  EXPECT_NEAR(count, 50'000, 4 * 224);  // four standard deviations
  // Gaps of an exponential law: 1/e of them are longer than the mean.
  std::size_t longer = 0;
  for (std::size_t k = 1; k < found.size(); ++k) longer += found[k] - found[k - 1] > 1'000'000;
  EXPECT_NEAR(static_cast<double>(longer) / count, 0.3679, 0.01);
}

TEST(Schedule, TheSeedDecidesPoissonArrivals) {
  Plan plan{.rate = 100, .length = seconds(1), .arrivals = Arrivals::Poisson, .seed = 5};
  auto first = moments(plan);
  EXPECT_EQ(moments(plan), first);
  plan.seed = 6;
  EXPECT_NE(moments(plan), first);
}

TEST(Schedule, ABurstIsDueAtOnceAndSharedOut) {
  EXPECT_EQ(moments({.at_once = 3}), (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(moments({.at_once = 3}, 0, 2).size(), 2U);
  EXPECT_EQ(moments({.at_once = 3}, 1, 2).size(), 1U);
  EXPECT_EQ(moments({.at_once = 1}, 1, 2).size(), 0U);
}

}  // namespace
}  // namespace virga::load
