#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/io/event.h"
#include "virga/store/loop_store.h"

// What simulations are made of: all chance from one seed, a clock that jumps, a disk that loses what it had not
// written.
namespace virga::store::testing {

// All that is random in a run comes from here.
class Chance final : public Random {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
  }
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

 private:
  std::mt19937_64 engine_;
};

// A clock whose wall jumps now and then; the steady one never does.
class JumpingClock final : public Clock {
 public:
  SteadyTime steady() const override { return SteadyTime(time_); }
  WallTime wall() const override { return WallTime(std::chrono::seconds(1'700'000'000) + time_ + jump_); }
  void turn(std::chrono::milliseconds by) { time_ += by; }
  void jump(std::chrono::milliseconds by) { jump_ += by; }

 private:
  std::chrono::milliseconds time_{};
  std::chrono::milliseconds jump_{};
};

// A disk that takes its time. What was given to it and not written when the power goes is lost from some point on.
class SlowStore final : public LoopStore {
 public:
  SlowStore(io::Loop& loop, Store& disk, Chance& chance) : loop_(loop), disk_(disk), chance_(chance) {}

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
  Chance& chance_;
  std::deque<std::shared_ptr<Pending>> pending_;
  bool is_dead_ = false;
};

}  // namespace virga::store::testing
