#include "virga/io/loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "virga/io/task_group.h"
#include "virga/io/workers.h"

namespace virga::io {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsWhatIsPostedFromAnotherThread) {
  auto loop = Loop::create().value();
  int runs = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop->post([&] { ++runs; });
    loop->stop();
  });
  loop->run();
  other.join();
  EXPECT_EQ(runs, 1000);
}

TEST(Loop, EndOfRoundComesAfterTheWorkOfTheRound) {
  auto loop = Loop::create().value();
  std::string order;
  loop->post([&] {
    loop->at_end_of_round([&] {
      order += "c";
      loop->stop();
    });
    order += "a";
  });
  loop->post([&] { order += "b"; });
  loop->run();
  EXPECT_EQ(order, "abc");
}

Task<void> nap(Loop& loop, milliseconds time, std::string& order, char name) {
  auto deadline = Deadline::in(loop, time);
  co_await sleep_until(loop, deadline);
  EXPECT_GE(loop.clock().steady(), deadline.time());
  order += name;
}

Task<void> naps(Loop& loop, std::string& order) {
  TaskGroup group(loop);
  group.add(nap(loop, milliseconds(60), order, 'c'));
  group.add(nap(loop, milliseconds(0), order, 'a'));
  group.add(nap(loop, milliseconds(25), order, 'b'));
  EXPECT_TRUE(co_await group.join());
}

TEST(Sleep, EndsInOrderAndNeverEarly) {
  auto loop = Loop::create().value();
  std::string order;
  run_until_done(*loop, naps(*loop, order));
  EXPECT_EQ(order, "abc");
}

TEST(Timer, DoesNotFireWhenCancelled) {
  auto loop = Loop::create().value();
  Timer first(*loop);
  Timer second(*loop);
  bool fired = false;
  first.start(Deadline::in(*loop, milliseconds(10)), [&] { fired = true; });
  second.start(Deadline::in(*loop, milliseconds(30)), [&] { loop->stop(); });
  first.cancel();
  loop->run();
  EXPECT_FALSE(fired);
}

Task<void> ask_worker(Loop& loop, Workers& workers, std::thread::id& thread, int& value) {
  auto here = std::this_thread::get_id();
  std::function<int()> work = [&thread] {
    thread = std::this_thread::get_id();
    return 42;
  };
  value = co_await workers.run<int>(loop, std::move(work));
  EXPECT_EQ(std::this_thread::get_id(), here);
}

TEST(Workers, RunElsewhereAndResumeOnTheLoop) {
  auto loop = Loop::create().value();
  Workers workers(2);
  std::thread::id thread;
  int value = 0;
  run_until_done(*loop, ask_worker(*loop, workers, thread, value));
  EXPECT_EQ(value, 42);
  EXPECT_NE(thread, std::this_thread::get_id());
}

}  // namespace
}  // namespace virga::io
