#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "virga/base/result.h"
#include "virga/store/store.h"

namespace virga::store::internal {

// Lets commits of several threads share one write and one fsync: the first to come leads and takes all that wait along.
// Blocks. Any thread.
class GroupCommit {
 public:
  struct Waiting {
    const Batch* batch;
    Durability durability;
    Result<> result;  // filled in by the writer
    bool done = false;
    std::condition_variable wake;
  };
  // Writes a group, in its order, and fills in every result. One call at a time.
  using Writer = std::function<void(const std::vector<Waiting*>&)>;

  explicit GroupCommit(Writer writer) : writer_(std::move(writer)) {}

  Result<> commit(const Batch& batch, Durability durability);

 private:
  std::vector<Waiting*> take_group() const;

  Writer writer_;
  std::mutex mutex_;
  std::deque<Waiting*> queue_;  // the front one leads
};

}  // namespace virga::store::internal
