#include "virga/store/loop_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "virga/io/task_group.h"
#include "virga/store/testing/memory_store.h"

namespace virga::store {
namespace {

// Counts commits, and is slow when it is told to be.
class CountingStore final : public testing::MemoryStore {
 public:
  Result<> commit(Batch batch, Durability durability) override {
    ++commits;
    EXPECT_EQ(durability, Durability::Synced);
    std::unique_lock lock(gate);
    return MemoryStore::commit(std::move(batch), durability);
  }
  std::atomic<int> commits = 0;
  std::mutex gate;
};

class LoopStoreTest : public ::testing::Test {
 protected:
  static Batch batch(std::string_view key, std::string_view value) {
    Batch batch;
    batch.put(key, value);
    return batch;
  }
  static io::Task<void> keep(io::Task<Result<>> task, std::vector<Result<>>& results) {
    results.push_back(co_await std::move(task));
  }

  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  io::Workers workers{1};
  CountingStore under;
  ThreadedLoopStore store{*loop, under, workers};
};

io::Task<void> join(io::TaskGroup& group) {
  auto joined = co_await group.join();
  (void)joined;
}

TEST_F(LoopStoreTest, AFailureIsToldToAllWhomItConcerns) {
  under.fail_commits(Error(ErrorCode::ResourceExhausted, "full"));
  std::vector<Result<>> results;
  io::TaskGroup group(*loop);
  for (int i = 0; i < 3; ++i) group.add(keep(store.commit(batch("k", "v")), results));
  io::run_until_done(*loop, join(group));
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results) EXPECT_EQ(result.error().message(), "full");
}

TEST_F(LoopStoreTest, ARoundIsWrittenTogether) {
  std::vector<Result<>> results;
  io::TaskGroup group(*loop);
  for (int i = 0; i < 20; ++i) group.add(keep(store.commit(batch("k", std::to_string(i))), results));
  io::run_until_done(*loop, join(group));
  EXPECT_EQ(results.size(), 20u);
  EXPECT_EQ(under.commits, 1);
  EXPECT_EQ(under.get("k").value(), "19");
}

io::Task<void> rounds(io::Loop& loop, const std::function<bool()>& is_over) {
  while (!is_over()) co_await io::sleep_until(loop, io::Deadline::in(loop, std::chrono::milliseconds(1)));
}

TEST_F(LoopStoreTest, WhatComesWhileItWritesIsWrittenTogetherAndInOrder) {
  std::vector<Result<>> results;
  io::TaskGroup group(*loop);
  {
    std::unique_lock closed(under.gate);
    group.add(keep(store.commit(batch("k", "0")), results));
    io::run_until_done(*loop, rounds(*loop, [&] { return under.commits == 1; }));
    for (int round = 0; round < 5; ++round) {
      for (int i = 1; i <= 10; ++i) {
        group.add(keep(store.commit(batch("k", std::to_string(round * 10 + i))), results));
      }
      int left = 2;
      io::run_until_done(*loop, rounds(*loop, [&] { return left-- == 0; }));
    }
  }
  io::run_until_done(*loop, join(group));
  EXPECT_EQ(results.size(), 50u + 1);
  EXPECT_EQ(under.commits, 2);
  EXPECT_EQ(under.get("k").value(), "50");
}

io::Task<void> read(LoopStore& store, std::optional<std::string>& value, std::size_t& count) {
  auto got = co_await store.get("a");
  value = got.value_or(std::nullopt);
  auto scanned = co_await store.scan({"a", "", 10, Order::Ascending});
  count = scanned ? scanned->size() : 0;
}

TEST_F(LoopStoreTest, ReadsOnWorkers) {
  ASSERT_TRUE(under.commit(batch("a", "1"), Durability::Synced));
  ASSERT_TRUE(under.commit(batch("ab", "2"), Durability::Synced));
  std::optional<std::string> value;
  std::size_t count = 0;
  io::run_until_done(*loop, read(store, value, count));
  EXPECT_EQ(value, "1");
  EXPECT_EQ(count, 2u);
}

}  // namespace
}  // namespace virga::store
