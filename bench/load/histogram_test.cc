#include "bench/load/histogram.h"

#include <gtest/gtest.h>

#include <random>

namespace virga::load {
namespace {

TEST(Histogram, IsAllZeroWhileEmpty) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.quantile(0.99), 0U);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(Histogram, IsExactForSmallValues) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.quantile(0.5), 500U);
  EXPECT_EQ(histogram.quantile(0.99), 990U);
  EXPECT_EQ(histogram.quantile(0.999), 999U);
  EXPECT_EQ(histogram.quantile(0), 1U);
  EXPECT_EQ(histogram.quantile(1), 1000U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
}

TEST(Histogram, ErrsUpwardsAndByLessThanOneThousandth) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 400; ++round) {
    std::uint64_t value = random() >> (random() % 63);
    Histogram histogram;
    histogram.record(value);
    histogram.record(UINT64_MAX);  // so that the largest value does not correct the bucket
    std::uint64_t shown = histogram.quantile(0.5);
    ASSERT_GE(shown, value);
    ASSERT_LE(static_cast<double>(shown - value), static_cast<double>(value) * 0.001) << value;
  }
}

TEST(Histogram, KeepsNeighboursApartAtEveryPowerOfTwo) {
  for (unsigned power = 1; power < 64; ++power) {
    std::uint64_t value = std::uint64_t{1} << power;
    Histogram histogram;
    histogram.record(value - 1);
    histogram.record(value);
    EXPECT_EQ(histogram.quantile(0.5), value - 1) << power;
    EXPECT_EQ(histogram.quantile(1), value) << power;
  }
}

TEST(Histogram, NeverShowsMoreThanTheLargestValue) {
  Histogram histogram;
  histogram.record(1'000'000'007);
  EXPECT_EQ(histogram.quantile(0.999), 1'000'000'007U);
}

TEST(Histogram, MergedIsTheSameAsRecordedInOne) {
  Histogram one, left, right;
  std::mt19937_64 random(11);
  for (int round = 0; round < 5000; ++round) {
    std::uint64_t value = random() % 50'000'000;
    one.record(value);
    (round % 3 == 0 ? left : right).record(value);
  }
  left.merge(right);
  EXPECT_EQ(left.count(), one.count());
  EXPECT_EQ(left.min(), one.min());
  EXPECT_EQ(left.max(), one.max());
  EXPECT_NEAR(left.mean(), one.mean(), 1e-6);
  for (double fraction : {0.01, 0.5, 0.9, 0.99, 0.999}) EXPECT_EQ(left.quantile(fraction), one.quantile(fraction));
}

}  // namespace
}  // namespace virga::load
