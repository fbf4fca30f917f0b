// Idle instances are frozen until their next call, whatever keeps them.
#include <gmock/gmock.h>

#include "virga/dispatch/testing/dispatcher_world.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Freezing : public testing::DispatcherWorld {
 protected:
  testing::FakeInstance& start_one(const std::string& name = "hello") {
    call(name);
    auto& instance = maker.newest();
    instance.become_ready();
    instance.answer();
    settle();
    return instance;
  }
};

TEST_F(Freezing, AnInstanceIsFrozenAfterAQuietMomentAndACallRunsInIt) {
  auto& instance = start_one();
  turn(milliseconds(1999));
  EXPECT_FALSE(instance.is_frozen);
  turn(milliseconds(1));
  EXPECT_TRUE(instance.is_frozen);
  auto& answer = call();
  EXPECT_FALSE(instance.is_frozen);
  turn(seconds(10));
  EXPECT_FALSE(instance.is_frozen) << "it runs a call";
  instance.answer();
  settle();
  EXPECT_TRUE(answer.is_there);
  EXPECT_EQ(maker.made.size(), 1u) << "the idle one served it";
  turn(seconds(2));
  EXPECT_TRUE(instance.is_frozen);
}

TEST_F(Freezing, AnInstanceThatHasRunNothingYetIsFrozenLikeAnyOther) {
  call();
  auto& instance = maker.newest();
  turn(seconds(5));
  EXPECT_FALSE(instance.is_frozen) << "it starts";
  instance.become_ready();
  instance.answer();
  provision("other", 1);
  auto& provisioned = maker.newest();
  provisioned.become_ready();
  settle();
  turn(seconds(2));
  EXPECT_TRUE(instance.is_frozen);
  EXPECT_TRUE(provisioned.is_frozen) << "what is provisioned stays, and needs no CPU time for it";
  EXPECT_EQ(dispatcher->provisioned(*catalog.catalog->resolve(model::FunctionName("other"), "1", 0)->version).available,
            1u);
}

TEST_F(Freezing, AFrozenInstanceThatBeginsToEndTakesNoCallAndIsNotFrozenAgain) {
  auto& instance = start_one();
  instance.begin_to_end();
  turn(seconds(4));
  EXPECT_FALSE(instance.is_frozen);
  instance.leave();
  settle();
  EXPECT_TRUE(maker.living.empty());
}

TEST_F(Freezing, AFrozenInstanceMakesRoomLikeAnyIdleOne) {
  Options options;
  options.max_instances = 1;
  make(options);
  start_one();
  turn(seconds(11));
  ASSERT_TRUE(maker.newest().is_frozen);
  auto& answer = call("other");
  settle();
  maker.newest().become_ready();
  maker.newest().answer();
  settle();
  EXPECT_TRUE(answer.is_there);
  EXPECT_EQ(maker.living.size(), 1u);
}

TEST_F(Freezing, IsOffWhereTheTimeIsZero) {
  Options options;
  options.freeze_after = milliseconds(0);
  make(options);
  auto& instance = start_one();
  turn(std::chrono::minutes(30));
  EXPECT_FALSE(instance.is_frozen);
}

}  // namespace
}  // namespace virga::dispatch
