#include "bench/load/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virga::load {
namespace {

using testing::HasSubstr;

Results some() {
  Results results;
  results.scheduled = 4;
  results.succeeded = 3;
  results.refused = 1;
  results.statuses[200] = 3;
  results.statuses[429] = 1;
  for (std::uint64_t value : {1'000'000, 2'000'000, 3'000'000}) results.latency.record(value);
  results.elapsed = std::chrono::seconds(2);
  results.cpu = std::chrono::microseconds(20);
  return results;
}

TEST(Results, AreTheSumOfTheThreads) {
  Results sum = some();
  Results other = some();
  other.elapsed = std::chrono::seconds(3);
  sum.merge(other);
  EXPECT_EQ(sum.scheduled, 8U);
  EXPECT_EQ(sum.statuses[429], 2U);
  EXPECT_EQ(sum.latency.count(), 6U);
  EXPECT_DOUBLE_EQ(sum.rate(), 2);  // 6 in the longer of both times
  EXPECT_DOUBLE_EQ(sum.cpu_us_per_request(), 5);
}

TEST(Results, WithoutRequestsHaveNoRatio) {
  Results none;
  EXPECT_EQ(none.success_ratio(), 0);
  EXPECT_EQ(none.rate(), 0);
  EXPECT_EQ(none.cpu_us_per_request(), 0);
}

TEST(Results, AreToldInMilliseconds) {
  std::string json = as_json(some());
  EXPECT_THAT(json, HasSubstr("\"latency_ms\":{\"p50\":2.0009,"));  // the end of its bucket
  EXPECT_THAT(json, HasSubstr("\"max\":3.0000,\"mean\":2.0000}"));
  EXPECT_THAT(json, HasSubstr("\"statuses\":{\"200\":3,\"429\":1}"));
  EXPECT_THAT(json, HasSubstr("\"success_ratio\":0.750000"));
}

TEST(Results, ForPeopleNameTheFailures) {
  EXPECT_THAT(as_text(some()), HasSubstr("3 succeeded (75.0000 %), 2 a second"));
  EXPECT_THAT(as_text(some()), HasSubstr("1 refused {\"200\":3,\"429\":1}"));
}

}  // namespace
}  // namespace virga::load
