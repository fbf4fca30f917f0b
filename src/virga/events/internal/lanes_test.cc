#include "virga/events/internal/lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virga::events::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

class LanesTest : public ::testing::Test {
 protected:
  void add(std::string_view lane, std::uint8_t number) { lanes.add(lane, entry(number)); }
  static Lanes::Entry entry(std::uint8_t number) {
    Lanes::Entry entry;
    entry.id[0] = number;
    return entry;
  }
  Lanes::Ticket take() {
    auto ticket = lanes.next(now);
    EXPECT_TRUE(ticket);
    return ticket ? *ticket : Lanes::Ticket{};
  }
  // All that may run now, by number; none is given back.
  std::vector<int> take_all() {
    std::vector<int> numbers;
    while (auto ticket = lanes.next(now)) {
      numbers.push_back(ticket->entry.id[0]);
      taken.push_back(*ticket);
    }
    return numbers;
  }

  static Lanes::Options options() {
    Lanes::Options options;
    options.first_window = 2;
    options.most_at_once = 5;
    return options;
  }
  Lanes lanes{options()};
  SteadyTime now{};
  std::vector<Lanes::Ticket> taken;
};

TEST_F(LanesTest, HasNothingWhereNothingWaits) {
  EXPECT_FALSE(lanes.next(now));
  EXPECT_EQ(lanes.next_change(), SteadyTime::max());
  EXPECT_EQ(lanes.waiting(), 0u);
}

TEST_F(LanesTest, ARestEndsWhenTheFunctionIsAnotherOne) {
  add("a:", 1);
  add("a:live", 2);
  add("ab:", 3);
  for (int i = 0; i < 3; ++i) lanes.refuse(take(), now);
  EXPECT_FALSE(lanes.next(now));
  lanes.end_rests("a");
  EXPECT_THAT(take_all(), ElementsAre(1, 2));
  EXPECT_EQ(lanes.next_change(), now + seconds(1)) << "the third one's function is another";
}

TEST_F(LanesTest, LanesTakeTurnsAndKeepTheirOrder) {
  for (std::uint8_t i = 1; i <= 4; ++i) add("a:", i);
  add("b:", 11);
  EXPECT_THAT(take_all(), ElementsAre(1, 11, 2)) << "two of a lane at a time";
  EXPECT_EQ(lanes.waiting(), 2u);
  EXPECT_EQ(lanes.running(), 3u);
  lanes.finish(taken[0], milliseconds(50));
  EXPECT_THAT(take_all(), ElementsAre(3));
}

TEST_F(LanesTest, ALaneGrowsWhileItsCallsDoNotWaitForInstances) {
  for (std::uint8_t i = 1; i <= 20; ++i) add("a:", i);
  EXPECT_EQ(take_all().size(), 2u);
  lanes.finish(taken[0], milliseconds(1));
  lanes.finish(taken[1], milliseconds(1));
  EXPECT_EQ(take_all().size(), 4u);
  lanes.finish(taken[2], milliseconds(50));
  EXPECT_EQ(take_all().size(), 1u) << "a call that waited lets it stay as it is";
  lanes.finish(taken[3], milliseconds(1));
  lanes.finish(taken[4], milliseconds(1));
  EXPECT_EQ(take_all().size(), 3u) << "at most five of all lanes";
}

TEST_F(LanesTest, ARefusedCallIsTheNextOneAfterARestThatGrows) {
  add("a:", 1);
  add("a:", 2);
  auto first = take();
  auto second = take();
  lanes.refuse(second, now);
  lanes.refuse(first, now);
  EXPECT_FALSE(lanes.next(now));
  EXPECT_EQ(lanes.next_change(), now + seconds(1));
  for (int rest : {2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    now = lanes.next_change();
    auto again = take();
    EXPECT_EQ(again.entry.id[0], 1);
    EXPECT_FALSE(lanes.next(now)) << "one at a time";
    lanes.refuse(again, now);
    EXPECT_EQ(lanes.next_change(), now + seconds(rest));
  }
  now = lanes.next_change();
  lanes.finish(take(), milliseconds(1));
  EXPECT_EQ(take().entry.id[0], 2);
}

TEST_F(LanesTest, ARestOfOneLaneIsNoneOfAnother) {
  add("a:", 1);
  add("b:", 2);
  auto one = take();
  lanes.refuse(one, now);
  EXPECT_EQ(take().entry.id[0], 2);
}

TEST_F(LanesTest, WhatIsTriedAgainWaitsForItsTimeInOrder) {
  lanes.add_later("a:", entry(3), now + seconds(3));
  lanes.add_later("a:", entry(2), now + seconds(2));
  lanes.add_later("b:", entry(4), now + seconds(2));
  EXPECT_EQ(lanes.waiting(), 3u);
  EXPECT_FALSE(lanes.next(now));
  EXPECT_EQ(lanes.next_change(), now + seconds(2));
  now += seconds(2);
  EXPECT_THAT(take_all(), ElementsAre(2, 4));
  lanes.retry(taken[0], milliseconds(0), now + seconds(60));
  EXPECT_EQ(lanes.next_change(), now + seconds(1));
  now += seconds(1);
  EXPECT_THAT(take_all(), ElementsAre(3));
  now += seconds(59);
  EXPECT_THAT(take_all(), ElementsAre(2));
}

TEST_F(LanesTest, AMillionCallsTakeLittleMemoryEach) {
  EXPECT_LE(sizeof(Lanes::Entry), 56u);
}

}  // namespace
}  // namespace virga::events::internal
