#pragma once

#include <cstdint>
#include <vector>

#include "virga/dispatch/keepalive/policy.h"

namespace virga::dispatch {

// The instances of the machine against its memory budget: counts those that start, run and are idle, and names those
// that must go. It ends nothing itself. One loop.
class Keeper {
 public:
  struct Limits {
    model::Bytes memory;
    std::uint32_t instances = 0;
  };

  // The policy outlives it.
  Keeper(KeepAlivePolicy& policy, Limits limits) : policy_(policy), limits_(limits) {}

  // Counts one that is about to start, with kept.memory as what it will take. The idle ones that must go for it are put
  // into `victims`, the least worth first, and no longer counted: their memory is free within a moment. False: not
  // even that would make room, or what runs holds all of it; nothing has changed then. One is let in when there is no
  // other, however large.
  // Where `may_take` is given, an idle one that it says no of stays as well.
  using MayTake = bool (*)(const Kept& victim, const Kept& asking, SteadyTime now);
  bool admit(Kept& kept, SteadyTime now, std::vector<Kept*>& victims, MayTake may_take = nullptr);
  // What others than instances hold of the memory: idle instances go for it as for one that starts.
  void set_reserved(model::Bytes memory) { reserved_ = memory.count; }
  // It has ended, or was told to. Nothing happens if it is not counted.
  void leave(Kept& kept);

  // A call is given to it; on the way of every call, as is the next.
  void lend(Kept& kept, SteadyTime now);
  void set_idle(Kept& kept, SteadyTime now);
  // It stays whatever it is worth: idle, and counted as one that runs.
  void hold(Kept& kept);
  void set_memory(Kept& kept, model::Bytes memory);

  // Those that are idle for longer than the policy wants; no longer counted.
  void take_expired(SteadyTime now, std::vector<Kept*>& victims);
  // Those that must go because instances have grown since they were let in.
  void take_excess(SteadyTime now, std::vector<Kept*>& victims);

  model::Bytes memory() const { return {memory_}; }
  model::Bytes idle_memory() const { return {idle_memory_}; }
  std::size_t count() const { return entries_.size(); }
  Limits limits() const { return limits_; }

 private:
  bool fits(const Kept& kept) const;
  bool could_fit(const Kept& kept) const;  // once nothing is idle
  struct Asking {
    const Kept* kept = nullptr;
    SteadyTime now;
    MayTake may_take = nullptr;
    bool may_have(const Kept& victim) const { return may_take == nullptr || may_take(victim, *kept, now); }
  };
  bool could_fit(const Asking& asking) const;
  Kept* least_worth(const Asking& asking) const;
  void evict(Kept& kept, SteadyTime now, std::vector<Kept*>& victims);

  KeepAlivePolicy& policy_;
  Limits limits_;
  std::vector<Kept*> entries_;
  std::uint64_t memory_ = 0;    // bytes, of all entries
  std::uint64_t reserved_ = 0;  // bytes
  std::uint64_t idle_memory_ = 0;
  std::size_t idle_ = 0;
};

}  // namespace virga::dispatch
