#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"

// What simulations are made of: all chance from one seed, a clock that jumps, a journal that says whether two runs were
// the same, and the loop over seeds. `tools/simulate` runs every test whose suite is named Simulation for long.
namespace virga::simulation {

// All that is random in a run comes from here.
class Chance final : public Random {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
  }
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool one_in(std::uint64_t count) { return count != 0 && below(count) == 0; }  // 0: never
  template <typename Duration>
  Duration between(Duration least, Duration most) {
    auto spread = static_cast<std::uint64_t>((most - least).count());
    return least + Duration(static_cast<typename Duration::rep>(below(spread + 1)));
  }

 private:
  std::mt19937_64 engine_;
};

// A clock whose wall jumps now and then; the steady one never does.
class JumpingClock final : public Clock {
 public:
  SteadyTime steady() const override { return SteadyTime(time_); }
  WallTime wall() const override { return WallTime(std::chrono::seconds(1'700'000'000) + time_ + jump_); }
  void turn(std::chrono::nanoseconds by) { time_ += by; }
  void jump(std::chrono::milliseconds by) { jump_ += by; }

 private:
  std::chrono::nanoseconds time_{};
  std::chrono::nanoseconds jump_{};
};

// What happened in a run, in order. Two runs of a seed are the same if their hashes are.
class Journal {
 public:
  void add(SteadyTime now, std::string_view line) {
    auto time = now.time_since_epoch().count();
    hash(std::string_view(reinterpret_cast<const char*>(&time), sizeof time));
    hash(line);
    ++size_;
    latest_.push_back(std::to_string(time / 1'000'000) + " ms  " + std::string(line));
    if (latest_.size() > kLatest) latest_.pop_front();
  }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t size() const { return size_; }
  std::string latest() const {
    std::string text;
    for (const auto& line : latest_) text.append(line).append("\n");
    return text;
  }

 private:
  static constexpr std::size_t kLatest = 60;
  void hash(std::string_view bytes) {
    for (unsigned char byte : bytes) hash_ = (hash_ ^ byte) * 0x100000001b3ull;  // FNV-1a
  }

  std::uint64_t hash_ = 0xcbf29ce484222325ull;
  std::uint64_t size_ = 0;
  std::deque<std::string> latest_;
};

inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A run of one seed over that much simulated time.
using Run = std::function<void(std::uint64_t seed, std::chrono::hours time, Journal& journal)>;

// Runs so many seeds, or those that VIRGA_SEEDS (how many), VIRGA_SEED (this one alone) and VIRGA_HOURS ask for, up to
// the first that fails. Each sixteenth is run twice, the first one included, and must be the same run both times. Fails
// below a thousand simulated hours for each hour of CPU time.
inline void run_seeds(std::string_view what, std::uint64_t seeds, std::chrono::hours time, const Run& run) {
  auto first = number_from("VIRGA_SEED", 1);
  auto count = std::getenv("VIRGA_SEED") != nullptr ? 1 : number_from("VIRGA_SEEDS", seeds);
  time = std::chrono::hours(number_from("VIRGA_HOURS", static_cast<std::uint64_t>(time.count())));
  auto began = std::clock();
  std::uint64_t runs = 0;
  auto run_one = [&](std::uint64_t seed) {
    Journal journal;
    run(seed, time, journal);
    ++runs;
    EXPECT_GT(journal.size(), 0u);
    if (::testing::Test::HasFailure()) std::printf("The end of it:\n%s", journal.latest().c_str());
    return journal.hash();
  };
  for (auto seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("VIRGA_SEED=" + std::to_string(seed));
    auto hash = run_one(seed);
    if ((seed - first) % 16 == 0 && !::testing::Test::HasFailure()) {
      EXPECT_EQ(run_one(seed), hash) << "two runs of a seed differ: something in them is not from the seed";
    }
  }
  auto seconds = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  auto simulated = static_cast<double>(runs) * static_cast<double>(time.count());
  auto speed = simulated * 3600 / std::max(seconds, 1e-3);
  std::printf("%.*s: seeds %llu to %llu, %.0f simulated hours in %.2f s of CPU time, %.0f an hour\n",
              static_cast<int>(what.size()), what.data(), static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1), simulated, seconds, speed);
  EXPECT_GE(speed, 1000.0);
}

}  // namespace virga::simulation
