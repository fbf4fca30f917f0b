#pragma once

#include <condition_variable>
#include <coroutine>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/store/store.h"

namespace virga::store {

// A Store as coroutines use it: nothing blocks. One loop. Errors are those of Store.
class LoopStore {
 public:
  virtual ~LoopStore() = default;

  // Gives the batch to the disk, whether or not the task that is answered is awaited, and in the order of the calls;
  // the task ends when it is synced. Batches with preconditions are not taken: what is changed here belongs to the
  // caller.
  virtual io::Task<Result<>> commit(Batch batch) = 0;
  virtual io::Task<Result<std::optional<std::string>>> get(std::string key) = 0;
  virtual io::Task<Result<std::vector<Record>>> scan(Range range) = 0;
};

// One thread commits: it makes one commit, with one sync, of all that came while it was busy with the last one, so the
// busier the loop, the less a sync costs. It gets what a round of the loop brought at once, at the round's end: else
// the first commit of a round would be synced alone, and the others would wait for that. Reads run on workers.
class ThreadedLoopStore final : public LoopStore {
 public:
  // All outlive it.
  ThreadedLoopStore(io::Loop& loop, Store& store, io::Workers& workers);
  // Finishes what was given. No task may be waiting.
  ~ThreadedLoopStore() override;
  ThreadedLoopStore(const ThreadedLoopStore&) = delete;
  ThreadedLoopStore& operator=(const ThreadedLoopStore&) = delete;

  io::Task<Result<>> commit(Batch batch) override;
  io::Task<Result<std::optional<std::string>>> get(std::string key) override;
  io::Task<Result<std::vector<Record>>> scan(Range range) override;

 private:
  struct Waiting;
  class Written;
  io::Task<Result<>> written(std::shared_ptr<Waiting> waiting);
  void hand_over();
  void write_on();

  io::Loop& loop_;
  Store& store_;
  io::Workers& workers_;
  std::vector<std::shared_ptr<Waiting>> gathered_;  // in this round; the loop's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Waiting>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace virga::store
