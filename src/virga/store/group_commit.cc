#include "virga/store/internal/group_commit.h"

#include <string_view>
#include <unordered_set>

namespace virga::store::internal {

namespace {

constexpr std::size_t kLargestGroup = 256;
constexpr std::size_t kMostBytes = 1 << 20;  // so that a small commit does not wait for many large ones

}  // namespace

// The longest beginning of the queue whose batches can be judged before any of them is written: none has a precondition
// on what an earlier one changes.
std::vector<GroupCommit::Waiting*> GroupCommit::take_group() const {
  if (queue_.size() == 1) return {queue_.front()};
  std::vector<Waiting*> group;
  std::unordered_set<std::string_view> changed;
  bool range_removed = false;
  std::size_t bytes = 0;
  for (Waiting* waiting : queue_) {
    const Batch& batch = *waiting->batch;
    if (!group.empty()) {
      if (group.size() >= kLargestGroup || bytes >= kMostBytes) break;
      bool depends = false;
      for (const Batch::Precondition& precondition : batch.preconditions()) {
        depends = depends || range_removed || changed.contains(precondition.key);
      }
      if (depends) break;
    }
    for (const Batch::Operation& operation : batch.operations()) {
      changed.insert(operation.key);
      range_removed = range_removed || operation.kind == Batch::Operation::Kind::RemoveRange;
      bytes += operation.key.size() + operation.value.size();
    }
    group.push_back(waiting);
  }
  return group;
}

Result<> GroupCommit::commit(const Batch& batch, Durability durability) {
  Waiting self{&batch, durability, {}, false, {}};
  std::unique_lock lock(mutex_);
  queue_.push_back(&self);
  self.wake.wait(lock, [&] { return self.done || queue_.front() == &self; });
  if (self.done) return std::move(self.result);

  std::vector<Waiting*> group = take_group();
  lock.unlock();
  writer_(group);
  lock.lock();
  for (Waiting* waiting : group) {
    queue_.pop_front();
    waiting->done = true;
    if (waiting != &self) waiting->wake.notify_one();
  }
  if (!queue_.empty()) queue_.front()->wake.notify_one();
  return std::move(self.result);
}

}  // namespace virga::store::internal
