#include "virga/events/internal/pace.h"

#include <gtest/gtest.h>

namespace virga::events::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Pace, HoldsItsRateHoweverOftenItIsAsked) {
  Pace pace(1000, 4);
  SteadyTime now = SteadyTime() + seconds(5);
  int begun = 0;
  for (int step = 0; step < 10'000; ++step) {
    while (pace.left(now) > 0) {
      pace.begin(now);
      ++begun;
    }
    EXPECT_GT(pace.next(), now);
    now += std::chrono::microseconds(100);
  }
  EXPECT_GE(begun, 1000);
  EXPECT_LE(begun, 1000 + 4);
}

TEST(Pace, AfterAPauseAFewBeginAtOnce) {
  Pace pace(1000, 4);
  SteadyTime now{};
  EXPECT_EQ(pace.left(now), 4u);
  for (std::uint32_t left = 4; left > 0; --left) {
    EXPECT_EQ(pace.left(now), left);
    pace.begin(now);
  }
  EXPECT_EQ(pace.left(now), 0u);
  EXPECT_EQ(pace.next(), now + milliseconds(1));
  EXPECT_EQ(pace.left(now + milliseconds(2)), 2u);
  EXPECT_EQ(pace.left(now + seconds(60)), 4u) << "what was left unused is not owed";
}

TEST(Pace, WhatComesBringsItsOwnBeginning) {
  Pace pace(1000, 4);
  SteadyTime now = SteadyTime() + seconds(5);
  for (int i = 0; i < 4; ++i) pace.begin(now);
  ASSERT_EQ(pace.left(now), 0u);
  for (int i = 0; i < 7; ++i) pace.come();
  EXPECT_EQ(pace.left(now), 7u);
  for (int i = 0; i < 7; ++i) pace.begin(now);
  EXPECT_EQ(pace.left(now), 0u);
  EXPECT_EQ(pace.next(), now + milliseconds(1)) << "those took nothing from the others";
  for (int i = 0; i < 5000; ++i) pace.come();
  EXPECT_EQ(pace.left(now), 1000u);
}

}  // namespace
}  // namespace virga::events::internal
