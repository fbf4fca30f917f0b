#pragma once

#include <chrono>
#include <string>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/runtime/sandboxes.h"

namespace virga::deploy {

// How one of Virga's own programs in a sandbox ended.
struct JobEnd {
  sandbox::Ended ended;
  bool is_late = false;  // it was killed when its time was over
  std::string said;      // the first 4 KiB of what it wrote, without the last newline
  bool succeeded() const { return !is_late && ended.reason == sandbox::EndReason::Exited && ended.status == 0; }
};

// Runs `spec`, whose id is given here, to its end, with `frames` as descriptor 3 (-1: none) and what it writes kept. A
// program that writes more than a pipe holds (64 KiB) waits until its time is over. Fails if no sandbox could be made.
io::Task<Result<JobEnd>> run_job(io::Loop& loop, runtime::Sandboxes& sandboxes, sandbox::Spec spec, int frames,
                                 std::chrono::seconds time_limit);

}  // namespace virga::deploy
