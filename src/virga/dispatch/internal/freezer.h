#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "virga/base/clock.h"
#include "virga/io/loop.h"

namespace virga::dispatch {

// Freezes instances that have had nothing to do for a while, of all pools: the processes of a frozen one get no CPU
// time until its next call. Off the way of calls, and a few at a time, because a call's thaw stands in the same line.
// One loop.
class Freezer {
 public:
  // Embedded in what owns an instance. set_busy() is called before it is destroyed.
  struct Member {
    Member* older = nullptr;
    Member* newer = nullptr;
    SteadyTime since{};  // when it became idle
    bool is_waiting = false;
    bool is_frozen = false;
  };

  struct Options {
    std::chrono::milliseconds quiet{};  // without a call, until it is frozen; 0: never
  };
  // `freeze` does it; false: not now, and it is tried again after as long. The loop outlives this.
  Freezer(io::Loop& loop, Options options, bool (*freeze)(Member&));

  // On the way of every call, as is the next: nothing is searched or allocated.
  void set_idle(Member& member);
  // It has a call, ends, or has ended. One that is frozen resumes by what its instance does.
  void set_busy(Member& member);

  std::size_t frozen() const { return frozen_; }
  std::uint64_t freezes() const { return freezes_; }

 private:
  void unlink(Member& member);
  void freeze_quiet();

  io::Loop& loop_;
  Options options_;
  bool (*freeze_)(Member&);
  io::Timer timer_;
  Member* oldest_ = nullptr;
  Member* newest_ = nullptr;
  std::size_t frozen_ = 0;
  std::uint64_t freezes_ = 0;
};

}  // namespace virga::dispatch
