#include "virga/services/queue/internal/index.h"

#include <gmock/gmock.h>

namespace virga::services::queue::internal {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Standard : public ::testing::Test {
 protected:
  static constexpr SteadyTime at(int second) { return SteadyTime(seconds(second)); }
  static Index::Arrival plain() { return {}; }

  std::vector<Number> take(std::size_t most, int now, int hidden = 30) {
    return index.take(most, at(now + hidden), at(now));
  }
  Index index{Ordering::None};
};

TEST_F(Standard, GivesTheOldestFirstAndHidesIt) {
  for (Number number : {1, 2, 3}) index.add(number, plain(), at(0));
  EXPECT_THAT(take(2, 0), ElementsAre(1, 2));
  EXPECT_THAT(take(2, 0), ElementsAre(3));
  EXPECT_THAT(take(2, 29), IsEmpty());
  EXPECT_EQ(index.next_due(), at(30));
  EXPECT_THAT(take(10, 30), ElementsAre(1, 2, 3));
  EXPECT_EQ(index.find(1)->receives, 2u);
}

TEST_F(Standard, ADelayedMessageIsSeenInItsTime) {
  Index::Arrival arrival;
  arrival.due = at(5);
  index.add(1, arrival, at(0));
  EXPECT_EQ(index.delayed(at(4)), 1u);
  EXPECT_EQ(index.ready(at(4)), 0u);
  EXPECT_THAT(take(1, 4), IsEmpty());
  EXPECT_EQ(index.delayed(at(5)), 0u);
  EXPECT_EQ(index.ready(at(5)), 1u);
  EXPECT_THAT(take(1, 5), ElementsAre(1));
}

TEST_F(Standard, AMessageThatWasOutBeforeARestartIsNoDelayedOne) {
  Index::Arrival arrival;
  arrival.due = at(5);
  arrival.receives = 1;
  arrival.nonce = 7;
  index.add(1, arrival, at(0));
  EXPECT_EQ(index.out(at(0)), 1u);
  EXPECT_EQ(index.find(1)->nonce, 7u);
  EXPECT_THAT(take(1, 4), IsEmpty());
  EXPECT_THAT(take(1, 5), ElementsAre(1));
  EXPECT_EQ(index.find(1)->receives, 2u);
}

TEST_F(Standard, HidingMovesTheTimeBothWays) {
  index.add(1, plain(), at(0));
  (void)take(1, 0);
  index.hide(1, at(100), at(0));
  EXPECT_THAT(take(1, 99), IsEmpty());
  index.hide(1, at(99), at(99));
  EXPECT_THAT(take(1, 99), ElementsAre(1));
}

TEST_F(Standard, WhatWasGivenBackWasNeverReceived) {
  index.add(1, plain(), at(0));
  (void)take(1, 0);
  index.set_receipt(1, 9, 1000);
  index.give_back(1);
  EXPECT_EQ(index.find(1)->receives, 0u);
  EXPECT_EQ(index.find(1)->first_ms, 0);
  EXPECT_THAT(take(1, 0), ElementsAre(1));
}

TEST_F(Standard, WhatIsLeavingIsNotReceivedUntilItIsRestored) {
  index.add(1, plain(), at(0));
  (void)take(1, 0);
  index.withdraw(1);
  EXPECT_THAT(take(1, 1000), IsEmpty());
  EXPECT_EQ(index.out(at(1000)), 1u);
  index.restore(1, at(1000));
  EXPECT_THAT(take(1, 1000), ElementsAre(1));
  index.withdraw(1);
  index.erase(1);
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.out(at(1000)), 0u);
  EXPECT_EQ(index.next_due(), SteadyTime::max());
}

TEST_F(Standard, ARestoredMessageKeepsTheRestOfItsTime) {
  index.add(1, plain(), at(0));
  (void)take(1, 0);
  index.withdraw(1);
  index.restore(1, at(10));
  EXPECT_THAT(take(1, 29), IsEmpty());
  EXPECT_THAT(take(1, 30), ElementsAre(1));
}

TEST_F(Standard, AddingTwiceIsAddingOnce) {
  index.add(1, plain(), at(0));
  index.add(1, plain(), at(0));
  EXPECT_EQ(index.ready(at(0)), 1u);
  EXPECT_THAT(index.oldest(5), ElementsAre(1));
}

class Grouped : public Standard {
 protected:
  void add(Number number, std::string_view group, int due = 0, int now = 0) {
    Index::Arrival arrival;
    arrival.group = group;
    arrival.due = at(due);
    fifo.add(number, arrival, at(now));
  }
  std::vector<Number> take(std::size_t most, int now, int hidden = 30) {
    return fifo.take(most, at(now + hidden), at(now));
  }
  void remove(Number number) {
    fifo.withdraw(number);
    fifo.erase(number);
  }
  Index fifo{Ordering::ByGroup};
};

TEST_F(Grouped, AGroupWaitsWhileOneOfItIsOut) {
  add(1, "a");
  add(2, "a");
  add(3, "b");
  EXPECT_EQ(fifo.receivable(at(0)), 2u);
  EXPECT_THAT(take(1, 0), ElementsAre(1));
  EXPECT_THAT(take(10, 0), ElementsAre(3)) << "2 waits for 1";
  EXPECT_EQ(fifo.receivable(at(0)), 0u);
  remove(1);
  EXPECT_THAT(take(10, 0), ElementsAre(2));
}

TEST_F(Grouped, OneReceiveCanHaveSeveralOfAGroupInOrder) {
  add(1, "a");
  add(2, "b");
  add(3, "a");
  EXPECT_THAT(take(10, 0), ElementsAre(1, 3, 2));
  remove(1);
  add(4, "a");
  EXPECT_THAT(take(10, 1), IsEmpty()) << "3 is still out";
  remove(3);
  EXPECT_THAT(take(10, 1), ElementsAre(4));
}

TEST_F(Grouped, OrderHoldsWhenAMessageComesBack) {
  add(1, "a");
  add(2, "a");
  EXPECT_THAT(take(1, 0), ElementsAre(1));
  EXPECT_THAT(take(10, 30), ElementsAre(1, 2));
}

TEST_F(Grouped, ADelayedFirstMessageHoldsItsGroup) {
  add(1, "a", 10);
  add(2, "a");
  EXPECT_THAT(take(10, 0), IsEmpty());
  EXPECT_THAT(take(10, 10), ElementsAre(1, 2));
}

TEST_F(Grouped, ADelayedLaterMessageDoesNot) {
  add(1, "a");
  add(2, "a", 10);
  EXPECT_THAT(take(10, 0), ElementsAre(1));
  remove(1);
  EXPECT_THAT(take(10, 9), IsEmpty());
  EXPECT_THAT(take(10, 10), ElementsAre(2));
}

TEST_F(Grouped, ALeavingMessageHoldsItsGroup) {
  add(1, "a");
  add(2, "a");
  (void)take(1, 0);
  fifo.withdraw(1);
  EXPECT_THAT(take(10, 100), IsEmpty());
  fifo.restore(1, at(100));
  EXPECT_THAT(take(1, 100), ElementsAre(1));
  remove(1);
  EXPECT_THAT(take(1, 100), ElementsAre(2));
}

}  // namespace
}  // namespace virga::services::queue::internal
