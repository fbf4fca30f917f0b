#pragma once

#include "virga/io/event.h"
#include "virga/io/task.h"

namespace virga::io {

// Where background work lives. A task that is added starts at once and runs on its own; whoever owns the group makes
// its tasks end (closes their streams, sets their events) and awaits `join` before the group is destroyed. One loop.
class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop) : idle_(loop) { idle_.set(); }
  ~TaskGroup() { VIRGA_ASSERT(running_ == 0); }

  void add(Task<void> task);
  std::size_t size() const { return running_; }
  Task<Result<>> join(Deadline deadline = Deadline::never());

 private:
  std::size_t running_ = 0;
  Event idle_;
};

// Runs the loop until the task has ended. For tests and for programs' main functions.
void run_until_done(Loop& loop, Task<void> task);

}  // namespace virga::io
