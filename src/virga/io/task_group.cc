#include "virga/io/task_group.h"

namespace virga::io {
namespace {

// The root of a task: it frees itself when the task has ended.
struct Root {
  struct promise_type {
    Root get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

Root drive(Task<void> task, std::size_t& running, Event& idle) {
  co_await std::move(task);
  if (--running == 0) idle.set();
}

Root drive_and_stop(Task<void> task, Loop& loop) {
  co_await std::move(task);
  loop.stop();
}

}  // namespace

void TaskGroup::add(Task<void> task) {
  if (running_++ == 0) idle_.reset();
  drive(std::move(task), running_, idle_);
}

Task<Result<>> TaskGroup::join(Deadline deadline) {
  auto result = co_await idle_.wait(deadline);
  co_return result;
}

void run_until_done(Loop& loop, Task<void> task) {
  drive_and_stop(std::move(task), loop);
  loop.run();
}

}  // namespace virga::io
