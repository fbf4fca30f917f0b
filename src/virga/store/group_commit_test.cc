#include "virga/store/internal/group_commit.h"

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace virga::store::internal {
namespace {

Batch put(const std::string& key) {
  Batch batch;
  batch.put(key, "x");
  return batch;
}

TEST(GroupCommit, WritesWhatWaitsTogether) {
  std::mutex mutex;
  std::vector<std::size_t> sizes;
  std::latch first_writes(1);
  std::latch go_on(1);
  GroupCommit commits([&](const std::vector<GroupCommit::Waiting*>& group) {
    std::unique_lock lock(mutex);
    sizes.push_back(group.size());
    bool first = sizes.size() == 1;
    lock.unlock();
    if (first) {
      first_writes.count_down();
      go_on.wait();
    }
    for (GroupCommit::Waiting* waiting : group) {
      if (waiting->batch->operations()[0].key == "bad") waiting->result = fail(ErrorCode::PreconditionFailed, "bad");
    }
  });
  std::vector<std::jthread> threads;
  std::atomic<int> failed = 0;
  threads.emplace_back([&] { EXPECT_TRUE(commits.commit(put("first"), Durability::Synced)); });
  first_writes.wait();
  constexpr std::size_t kFollowers = 5;
  std::latch arriving(kFollowers);
  for (std::size_t i = 0; i < kFollowers; ++i) {
    threads.emplace_back([&, i] {
      Batch batch = put(i == 0 ? "bad" : std::to_string(i));
      arriving.count_down();
      if (!commits.commit(batch, Durability::Synced)) ++failed;
    });
  }
  arriving.wait();
  go_on.count_down();
  threads.clear();
  EXPECT_EQ(failed, 1);
  std::size_t total = 0;
  for (std::size_t size : sizes) total += size;
  EXPECT_EQ(total, 1 + kFollowers);
  EXPECT_EQ(sizes[0], 1u);
}

}  // namespace
}  // namespace virga::store::internal
