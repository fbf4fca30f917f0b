#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "virga/dispatch/figures.h"
#include "virga/dispatch/keepalive/keeper.h"
#include "virga/dispatch/keepalive/policies.h"

namespace virga::dispatch {

// The memory that all instances of the machine share. Pools ask it before they start one and tell it what theirs do;
// when room is needed, the idle instances go whose loss costs least, and never a busy one. One loop.
class MemoryBudget {
 public:
  struct Options {
    Keeper::Limits limits;
    std::chrono::seconds idle_limit{};
    // What others than instances hold of it now; empty: nothing.
    std::function<model::Bytes()> reserved = {};
  };
  // `evict` ends the instance that an entry belongs to; `figures` outlives this.
  MemoryBudget(Options options, Figures& figures, void (*evict)(Kept&))
      : policy_(options.idle_limit),
        keeper_(policy_, options.limits),
        reserved_(std::move(options.reserved)),
        figures_(figures),
        evict_(evict) {}

  // Counts one that starts now; false: there is no room for it, and none can be made.
  // `may_take`: see Keeper.
  bool admit(Kept& kept, SteadyTime now, Keeper::MayTake may_take = nullptr);
  void leave(Kept& kept) { keeper_.leave(kept); }
  void lend(Kept& kept, SteadyTime now) { keeper_.lend(kept, now); }
  void set_idle(Kept& kept, SteadyTime now) { keeper_.set_idle(kept, now); }
  void hold(Kept& kept) { keeper_.hold(kept); }
  // What was measured of it.
  void set_memory(Kept& kept, model::Bytes memory);

  // Ends what was idle for too long and, if instances have grown beyond the budget, others. Called now and then.
  void take_care(SteadyTime now);

  // What an instance takes of which nothing is known: what others took on the average.
  model::Bytes typical_memory() const { return {static_cast<std::uint64_t>(typical_)}; }
  const Keeper& keeper() const { return keeper_; }

 private:
  void look_at_reserved();
  void evict_all(Figures::Eviction why);

  GreedyDual policy_;
  Keeper keeper_;
  std::function<model::Bytes()> reserved_;
  Figures& figures_;
  void (*evict_)(Kept&);
  std::vector<Kept*> victims_;  // kept for its memory
  double typical_ = 64 << 20;   // bytes
};

}  // namespace virga::dispatch
