#include "virga/dispatch/internal/freezer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/testing/fake_instances.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

// Something to freeze, which may say no.
struct Thing : Freezer::Member {
  std::vector<Thing*>* done = nullptr;
  bool says_no = false;
};

bool freeze(Freezer::Member& member) {
  auto& thing = static_cast<Thing&>(member);
  if (thing.says_no) return false;
  thing.done->push_back(&thing);
  return true;
}

class FreezerTest : public ::testing::Test {
 protected:
  FreezerTest() {
    for (auto* thing : {&first, &second}) thing->done = &done;
  }
  void turn(milliseconds by) {
    clock.turn(by);
    testing::settle(*loop);
  }

  catalog::testing::HandClock clock;
  std::unique_ptr<io::Loop> loop = io::Loop::create(clock).value();
  std::vector<Thing*> done;
  Thing first;
  Thing second;
  Freezer freezer{*loop, {seconds(2)}, &freeze};
};

TEST_F(FreezerTest, FreezesWhatHasBeenIdleForTheWholeTime) {
  freezer.set_idle(first);
  turn(milliseconds(1500));
  freezer.set_idle(second);
  turn(milliseconds(499));
  EXPECT_TRUE(done.empty());
  turn(milliseconds(1));
  EXPECT_THAT(done, ElementsAre(&first));
  turn(milliseconds(1500));
  EXPECT_THAT(done, ElementsAre(&first, &second));
  EXPECT_EQ(freezer.frozen(), 2u);
}

TEST_F(FreezerTest, ACallBeginsTheTimeAnew) {
  freezer.set_idle(first);
  turn(milliseconds(1900));
  freezer.set_busy(first);
  turn(seconds(10));
  EXPECT_TRUE(done.empty()) << "it has a call";
  freezer.set_idle(first);
  turn(milliseconds(1999));
  EXPECT_TRUE(done.empty());
  turn(milliseconds(1));
  EXPECT_THAT(done, ElementsAre(&first));
}

TEST_F(FreezerTest, ThawedByACallItIsFrozenAgainAfterIt) {
  freezer.set_idle(first);
  turn(seconds(2));
  ASSERT_TRUE(first.is_frozen);
  freezer.set_busy(first);
  EXPECT_FALSE(first.is_frozen);
  EXPECT_EQ(freezer.frozen(), 0u);
  freezer.set_idle(first);
  turn(seconds(2));
  EXPECT_TRUE(first.is_frozen);
  EXPECT_EQ(freezer.freezes(), 2u);
}

TEST_F(FreezerTest, TriesAgainLaterWhatCouldNotBeFrozen) {
  first.says_no = true;
  freezer.set_idle(first);
  turn(seconds(2));
  EXPECT_EQ(freezer.frozen(), 0u);
  first.says_no = false;
  turn(seconds(2));
  EXPECT_THAT(done, ElementsAre(&first));
}

TEST_F(FreezerTest, FreezesManyAFewAtATimeAndAllOfThem) {
  std::vector<Thing> things(100);
  for (auto& thing : things) {
    thing.done = &done;
    freezer.set_idle(thing);
  }
  turn(seconds(2));
  EXPECT_LE(done.size(), 20u);
  for (int i = 0; i < 20; ++i) turn(milliseconds(5));
  EXPECT_EQ(done.size(), 100u);
  for (auto& thing : things) freezer.set_busy(thing);
  EXPECT_EQ(freezer.frozen(), 0u);
}

TEST_F(FreezerTest, NothingIsFrozenWhereTheTimeIsZero) {
  Freezer never(*loop, {milliseconds(0)}, &freeze);
  never.set_idle(first);
  turn(seconds(1000));
  EXPECT_TRUE(done.empty());
}

}  // namespace
}  // namespace virga::dispatch
