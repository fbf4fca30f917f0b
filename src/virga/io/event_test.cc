#include "virga/io/event.h"

#include <gtest/gtest.h>

#include "virga/io/task_group.h"

namespace virga::io {
namespace {

Task<void> wait_for(OneShot<int>& shot, int& value) {
  auto result = co_await shot.wait();
  value = result.value();
}

Task<void> deliver_to_a_waiter(Loop& loop, int& value) {
  OneShot<int> shot(loop);
  TaskGroup group(loop);
  group.add(wait_for(shot, value));
  shot.deliver(7);
  shot.deliver(8);
  EXPECT_EQ(value, 0);  // the waiter resumes later, not inside deliver
  EXPECT_TRUE(co_await group.join());
}

TEST(OneShot, GivesTheFirstValueToItsWaiter) {
  auto loop = Loop::create().value();
  int value = 0;
  run_until_done(*loop, deliver_to_a_waiter(*loop, value));
  EXPECT_EQ(value, 7);
}

Task<void> wait_in_vain(Loop& loop) {
  Event event(loop);
  auto waited = co_await event.wait(Deadline::in(loop, std::chrono::milliseconds(15)));
  EXPECT_FALSE(waited);
  EXPECT_EQ(waited.error().code(), ErrorCode::DeadlineExceeded);
  event.set();
  EXPECT_TRUE(co_await event.wait());
}

TEST(Event, WaitEndsAtItsDeadline) {
  auto loop = Loop::create().value();
  run_until_done(*loop, wait_in_vain(*loop));
}

}  // namespace
}  // namespace virga::io
