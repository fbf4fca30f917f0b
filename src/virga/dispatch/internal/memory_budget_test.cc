#include "virga/dispatch/internal/memory_budget.h"

#include <gmock/gmock.h>

#include <memory>
#include <vector>

namespace virga::dispatch {
namespace {

using model::mebibytes;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr SteadyTime kBegin{std::chrono::hours(1)};

struct Noted : Kept {
  bool is_ended = false;
};

class MemoryBudgetTest : public ::testing::Test {
 protected:
  Noted& idle(model::Bytes memory, SteadyTime since = kBegin) {
    auto& kept = *kept_.emplace_back(std::make_unique<Noted>());
    kept.memory = memory;
    EXPECT_TRUE(budget.admit(kept, since));
    budget.set_idle(kept, since);
    return kept;
  }

  model::Bytes stems;
  metrics::Registry registry;
  Figures figures{registry};
  MemoryBudget budget{{{mebibytes(100), 3}, minutes(60), [this] { return stems; }}, figures, [](Kept& kept) {
                        static_cast<Noted&>(kept).is_ended = true;
                      }};
  std::vector<std::unique_ptr<Noted>> kept_;
};

TEST_F(MemoryBudgetTest, EndsIdleInstancesForOneThatStartsAndCountsThem) {
  auto& first = idle(mebibytes(60));
  Kept next;
  next.memory = mebibytes(50);
  EXPECT_TRUE(budget.admit(next, kBegin));
  EXPECT_TRUE(first.is_ended);
  EXPECT_THAT(registry.expose(), HasSubstr(R"(virga_instance_evictions_total{reason="room"} 1)"));
}

TEST_F(MemoryBudgetTest, RefusesWhatOnlyBusyInstancesCouldMakeRoomFor) {
  Noted busy;
  busy.memory = mebibytes(60);
  ASSERT_TRUE(budget.admit(busy, kBegin));
  Kept next;
  next.memory = mebibytes(50);
  EXPECT_FALSE(budget.admit(next, kBegin));
  budget.leave(busy);
  EXPECT_TRUE(budget.admit(next, kBegin));
  EXPECT_FALSE(busy.is_ended);
}

TEST_F(MemoryBudgetTest, LeavesWhatTheAskingOneMayNotTake) {
  auto& kept = idle(mebibytes(60));
  Kept next;
  next.memory = mebibytes(50);
  EXPECT_FALSE(budget.admit(next, kBegin, [](const Kept&, const Kept&, SteadyTime) { return false; }));
  EXPECT_FALSE(kept.is_ended);
}

TEST_F(MemoryBudgetTest, WhatOthersHoldOfItCountsLikeInstances) {
  auto& kept = idle(mebibytes(60));
  stems = mebibytes(50);
  budget.take_care(kBegin + seconds(5));
  EXPECT_TRUE(kept.is_ended);
}

TEST_F(MemoryBudgetTest, EndsWhatHasGrownBeyondItAndWhatIsIdleForLong) {
  auto& small = idle(mebibytes(30));
  Noted busy;
  busy.memory = mebibytes(60);
  ASSERT_TRUE(budget.admit(busy, kBegin));
  budget.set_memory(busy, mebibytes(90));
  budget.take_care(kBegin + seconds(5));
  EXPECT_TRUE(small.is_ended);
  budget.leave(busy);
  // When none had to go for an hour, those idle for an hour go.
  auto& old = idle(mebibytes(10), kBegin + seconds(10));
  budget.take_care(kBegin + minutes(59));
  EXPECT_FALSE(old.is_ended);
  budget.take_care(kBegin + minutes(62));
  EXPECT_TRUE(old.is_ended);
}

TEST_F(MemoryBudgetTest, GuessesWhatOneTakesFromWhatOthersTook) {
  Kept kept;
  ASSERT_TRUE(budget.admit(kept, kBegin));
  EXPECT_EQ(budget.typical_memory(), mebibytes(64));
  for (int i = 1; i <= 200; ++i) budget.set_memory(kept, {mebibytes(16).count + static_cast<std::uint64_t>(i % 2)});
  EXPECT_NEAR(static_cast<double>(budget.typical_memory().count), static_cast<double>(mebibytes(16).count), 4096);
}

}  // namespace
}  // namespace virga::dispatch
