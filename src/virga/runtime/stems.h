#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/task_group.h"
#include "virga/runtime/instance_plan.h"
#include "virga/runtime/sandboxes.h"
#include "virga/runtime/stem.h"

namespace virga::runtime {

// The waiting stems of each kind that functions use: booted in the background, given away once, replaced when they end.
// One loop; stop() is awaited before this is destroyed.
//
// A kind in use has one stem, and more while they are taken; a memory budget holds for all together, and what was
// wanted last goes first. A boot takes a whole core for a while, so it waits for a moment in which no instance starts.
class Stems {
 public:
  struct Options {
    std::uint64_t memory_budget = 512ull << 20;  // bytes, of all waiting stems; 0: no stems
    std::uint32_t most_of_a_kind = 4;
  };

  // What an instance gets: a stem, or why it has to start cold.
  struct Taken {
    std::unique_ptr<Stem> stem;
    std::string reason;
  };

  // Keeps boots away while it lives, a second at the most: an instance starts, or runs its first call.
  class [[nodiscard]] Hold {
   public:
    Hold() = default;
    explicit Hold(Stems* stems);
    Hold(Hold&& other) noexcept : stems_(std::exchange(other.stems_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(stems_, other.stems_);
      return *this;
    }
    ~Hold();

   private:
    Stems* stems_ = nullptr;
  };

  // `sandboxes` outlives this.
  Stems(io::Loop& loop, Sandboxes& sandboxes, Options options);
  ~Stems();

  void serve() { tasks_.add(keep()); }

  // How many versions take stems of a kind; a kind that none takes has none.
  void add_use(const StemKind& kind);
  void drop_use(const StemKind& kind);

  Taken take(const InstancePlan& plan);
  // A stem could not be bound, and was ended. When that happens again and again, this machine cannot do it.
  void bind_failed(const Error& error);
  void bind_succeeded() { failures_ = 0; }
  Hold hold() { return Hold(this); }

  std::uint64_t memory() const;      // bytes, of those that wait or boot; of one that was never measured a guess
  std::size_t count() const;         // that wait, booted or not
  std::size_t count_booted() const;  // of these
  std::uint64_t taken() const { return taken_; }
  std::uint64_t lost() const { return lost_; }  // that ended before they were taken

  io::Task<void> stop();

 private:
  struct Shelf {
    std::vector<std::unique_ptr<Stem>> stems;
    std::uint32_t uses = 0;
    std::uint32_t booting = 0;
    double demand = 0;  // stems taken of late; halves every kHalfLife
    SteadyTime demand_at;
    SteadyTime wanted_at;      // the last time somebody came for one, or the kind came into use
    SteadyTime retry_at;       // not before, because the last boot failed
    std::uint64_t cost = 0;    // bytes of one, as measured; 0: not known yet
    std::uint32_t faults = 0;  // boots that failed one after the other
  };

  io::Task<void> keep();
  io::Task<void> boot(StemKind kind);
  io::Task<void> discard(std::unique_ptr<Stem> stem);
  io::Task<void> wait_for_quiet();
  void trim();
  const StemKind* next_to_boot();
  std::uint32_t target(Shelf& shelf);
  double demand(Shelf& shelf) const;
  bool make_room(const Shelf& wanted, std::uint64_t bytes);
  void drop(Shelf& shelf, std::size_t index);
  void back_off(Shelf& shelf);
  void sandbox_ended(const StemKind& kind, std::uint64_t sandbox);

  io::Loop& loop_;
  Sandboxes& sandboxes_;
  Options options_;
  io::TaskGroup tasks_;
  io::Event changed_;  // a use, a take, an end: there may be something to boot
  io::Event quiet_;    // no hold is there
  std::map<StemKind, Shelf> shelves_;
  std::uint32_t holds_ = 0;
  std::uint32_t failures_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t lost_ = 0;
  bool is_off_ = false;
  bool stopping_ = false;
};

}  // namespace virga::runtime
