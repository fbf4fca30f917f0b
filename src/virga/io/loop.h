#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>

#include "virga/base/clock.h"
#include "virga/base/result.h"

namespace virga::io {

class Loop;

// When a wait gives up. Compared with the loop's clock; kept in a wheel of coarse ticks (kTick), so a wait may end up
// to one tick late and never early.
class Deadline {
 public:
  static Deadline never() { return Deadline(SteadyTime::max()); }
  static Deadline at(SteadyTime time) { return Deadline(time); }
  static Deadline in(const Loop& loop, std::chrono::nanoseconds time);

  bool is_never() const { return time_ == SteadyTime::max(); }
  SteadyTime time() const { return time_; }

 private:
  explicit Deadline(SteadyTime time) : time_(time) {}
  SteadyTime time_;
};

namespace internal {

struct TimerNode {
  TimerNode* previous = nullptr;
  TimerNode* next = nullptr;
  std::uint64_t tick = 0;
  void (*expired)(TimerNode&) = nullptr;
  bool armed() const { return next != nullptr; }
};

// One descriptor under watch. Edge triggered: `readable` and `writable` remember what the kernel said until an
// operation finds that it no longer holds.
struct Watch {
  int fd = -1;
  bool readable = true;
  bool writable = true;
  bool watches_writes = false;
  // The other side has ended. No further edge will come, so what is left to read must be read up to its end.
  bool ended = false;
  // Called inside the loop after the flags changed.
  void (*ready)(Watch&) = nullptr;
};

}  // namespace internal

// One thread's event loop over epoll. Everything that is made with a loop belongs to the thread that runs it; only
// `post` and `stop` may be called from elsewhere. The loop outlives all that was made with it.
class Loop {
 public:
  static constexpr std::chrono::milliseconds kTick{10};

  static Result<std::unique_ptr<Loop>> create(const Clock& clock = system_clock());
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop().
  void run();
  void stop();                            // any thread
  void post(std::function<void()> work);  // any thread; runs in a later round
  // Runs at the end of this round, before the loop waits again: where what a round gathered is written out at once. A
  // round goes on while the kernel has more events at once, up to a bound.
  void at_end_of_round(std::function<void()> work);
  // Resumes in this round, after the events already taken from the kernel.
  void resume_soon(std::coroutine_handle<> handle);

  const Clock& clock() const;
  // The time at which this round began; cheap.
  SteadyTime now() const;
  // The same on the wall, as it was when it was first asked for in this round.
  WallTime wall() const;

  // For the types of io/ only.
  Result<> watch(internal::Watch& watch);
  // From here on `writable` is told as well. Asked for only when a write found no room: on a Unix socket every read of
  // the other side makes room, and would wake this loop for nothing.
  void watch_writes(internal::Watch& watch);
  void unwatch(internal::Watch& watch);
  void arm(internal::TimerNode& timer, Deadline deadline);
  void disarm(internal::TimerNode& timer);

 private:
  Loop();
  struct State;
  std::unique_ptr<State> state_;
};

// `co_await sleep_until(loop, deadline)`. For a wait that can be ended early use Event::wait with a deadline.
class SleepAwaiter : internal::TimerNode {
 public:
  SleepAwaiter(Loop& loop, Deadline deadline) : loop_(loop), deadline_(deadline) {}
  bool await_ready() const { return deadline_.time() <= loop_.now(); }
  void await_suspend(std::coroutine_handle<> handle);
  void await_resume() {}

 private:
  Loop& loop_;
  Deadline deadline_;
  std::coroutine_handle<> handle_;
};
inline SleepAwaiter sleep_until(Loop& loop, Deadline deadline) {
  return SleepAwaiter(loop, deadline);
}

// Calls a function once when its time has come, unless it is cancelled or destroyed before. One loop.
class Timer : internal::TimerNode {
 public:
  explicit Timer(Loop& loop) : loop_(loop) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(Deadline deadline, std::function<void()> work);
  void cancel();
  bool running() const { return armed(); }

 private:
  Loop& loop_;
  std::function<void()> work_;
};

}  // namespace virga::io
