#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/testing/simulation.h"
#include "virga/io/event.h"
#include "virga/store/loop_store.h"

namespace virga::store::testing {

// A disk that takes its time. What was given to it and not written when the power goes is lost from some point on.
class SlowStore final : public LoopStore {
 public:
  SlowStore(io::Loop& loop, Store& disk, simulation::Chance& chance) : loop_(loop), disk_(disk), chance_(chance) {}

  io::Task<Result<>> commit(Batch batch) override {
    auto pending = std::make_shared<Pending>(std::move(batch), loop_);
    pending_.push_back(pending);
    return written(std::move(pending));
  }
  io::Task<Result<std::optional<std::string>>> get(std::string key) override { return give(disk_.get(key)); }
  io::Task<Result<std::vector<Record>>> scan(Range range) override { return give(disk_.scan(range)); }

  // Writes some of what was given, in order.
  void work() {
    for (auto count = chance_.below(4); count > 0 && !pending_.empty(); --count) write_one();
  }
  void lose_power() {
    for (auto count = chance_.below(pending_.size() + 1); count > 0; --count) write_one();
    is_dead_ = true;
    for (const auto& pending : pending_) pending->done.set();
    pending_.clear();
  }

 private:
  struct Pending {
    Pending(Batch b, io::Loop& loop) : batch(std::move(b)), done(loop) {}
    Batch batch;
    io::Event done;
    bool is_written = false;
  };

  void write_one() {
    auto pending = pending_.front();
    pending_.pop_front();
    pending->is_written = disk_.commit(std::move(pending->batch), Durability::Synced).has_value();
    pending->done.set();
  }
  io::Task<Result<>> written(std::shared_ptr<Pending> pending) {
    if (is_dead_) co_return fail(ErrorCode::Unavailable, "no power");
    auto waited = co_await pending->done.wait();
    (void)waited;
    // Nobody hears of what was written in the moment before the end.
    if (is_dead_ || !pending->is_written) co_return fail(ErrorCode::Unavailable, "no power");
    co_return Result<>();
  }
  template <typename T>
  static io::Task<T> give(T value) {
    co_return value;
  }

  io::Loop& loop_;
  Store& disk_;
  simulation::Chance& chance_;
  std::deque<std::shared_ptr<Pending>> pending_;
  bool is_dead_ = false;
};

}  // namespace virga::store::testing
