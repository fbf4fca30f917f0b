#include "virga/dispatch/internal/token_bucket.h"

#include <gtest/gtest.h>

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

const SteadyTime kBegin{std::chrono::hours(1000)};

// How many of calls that come every `gap` are let through from `from` to `to`.
int let_through(TokenBucket& bucket, TokenBucket::Limit limit, nanoseconds gap, SteadyTime from, SteadyTime to) {
  int count = 0;
  for (auto now = from; now < to; now += gap) {
    if (!bucket.take(limit, now)) ++count;
  }
  return count;
}

TEST(TokenBucket, LetsABurstThroughAndNoMore) {
  TokenBucket bucket;
  TokenBucket::Limit limit{10, 5};
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bucket.take(limit, kBegin)) << i;
  EXPECT_TRUE(bucket.take(limit, kBegin));
}

TEST(TokenBucket, SaysHowLongUntilTheNextCallMayGoAndThatIsSo) {
  TokenBucket bucket;
  TokenBucket::Limit limit{4, 1};
  EXPECT_FALSE(bucket.take(limit, kBegin));
  auto wait = bucket.take(limit, kBegin + milliseconds(100));
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, nanoseconds(milliseconds(150)));
  EXPECT_TRUE(bucket.take(limit, kBegin + milliseconds(100) + *wait - nanoseconds(1000)));
  EXPECT_FALSE(bucket.take(limit, kBegin + milliseconds(100) + *wait));
}

TEST(TokenBucket, HoldsTheRateWithinTwoPercentHoweverManyCallsCome) {
  for (double rate : {0.5, 3.0, 100.0, 7000.0, 300000.0}) {
    for (double load : {1.0, 1.5, 10.0}) {
      TokenBucket bucket;
      TokenBucket::Limit limit{rate, std::max(2.0, rate)};
      auto gap = nanoseconds(static_cast<std::int64_t>(1e9 / rate / load));
      auto length = rate < 10 ? seconds(400) : rate < 1000 ? seconds(20) : rate < 10000 ? seconds(5) : seconds(1);
      // The burst goes first; what is measured is the full rate after it.
      auto begin = kBegin;
      for (int i = 0; i < static_cast<int>(limit.burst); ++i) (void)bucket.take(limit, begin);
      auto count = let_through(bucket, limit, gap, begin, begin + length);
      auto expected = rate * static_cast<double>(length.count());
      EXPECT_NEAR(count, expected, expected * 0.02 + 1) << rate << " a second at " << load << " times the rate";
    }
  }
}

TEST(TokenBucket, RefusesNothingBelowTheRate) {
  TokenBucket bucket;
  EXPECT_EQ(let_through(bucket, {100, 1}, milliseconds(10), kBegin, kBegin + seconds(10)), 1000);
}

TEST(TokenBucket, IsFullAgainAfterAQuietTime) {
  TokenBucket bucket;
  TokenBucket::Limit limit{10, 10};
  EXPECT_TRUE(bucket.is_full(kBegin));
  for (int i = 0; i < 10; ++i) (void)bucket.take(limit, kBegin);
  EXPECT_FALSE(bucket.is_full(kBegin + milliseconds(900)));
  EXPECT_TRUE(bucket.is_full(kBegin + seconds(1)));
}

}  // namespace
}  // namespace virga::dispatch
