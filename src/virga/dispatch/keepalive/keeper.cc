#include "virga/dispatch/keepalive/keeper.h"

namespace virga::dispatch {

bool Keeper::fits(const Kept& kept) const {
  return memory_ + reserved_ + kept.memory.count <= limits_.memory.count && entries_.size() < limits_.instances;
}

bool Keeper::could_fit(const Kept& kept) const {
  auto others = entries_.size() - idle_;
  if (others == 0) return true;
  return memory_ - idle_memory_ + reserved_ + kept.memory.count <= limits_.memory.count && others < limits_.instances;
}

bool Keeper::could_fit(const Asking& asking) const {
  if (!could_fit(*asking.kept)) return false;
  if (asking.may_take == nullptr || fits(*asking.kept)) return true;
  std::uint64_t memory = memory_ + reserved_ + asking.kept->memory.count;
  std::size_t count = entries_.size();
  for (const auto* kept : entries_) {
    if (!kept->is_idle || !asking.may_have(*kept)) continue;
    memory -= kept->memory.count;
    --count;
  }
  return memory <= limits_.memory.count && count < limits_.instances;
}

bool Keeper::admit(Kept& kept, SteadyTime now, std::vector<Kept*>& victims, MayTake may_take) {
  Asking asking{&kept, now, may_take};
  if (!could_fit(asking)) return false;
  while (!fits(kept)) {
    auto* victim = least_worth(asking);
    if (victim == nullptr) break;
    evict(*victim, now, victims);
  }
  kept.index = entries_.size();
  kept.is_idle = false;
  kept.since = now;
  entries_.push_back(&kept);
  memory_ += kept.memory.count;
  return true;
}

void Keeper::leave(Kept& kept) {
  if (kept.index == Kept::kNotCounted) return;
  if (kept.is_idle) {
    idle_memory_ -= kept.memory.count;
    --idle_;
  }
  memory_ -= kept.memory.count;
  entries_[kept.index] = entries_.back();
  entries_[kept.index]->index = kept.index;
  entries_.pop_back();
  kept.index = Kept::kNotCounted;
}

void Keeper::hold(Kept& kept) {
  if (!kept.is_idle) return;
  kept.is_idle = false;
  idle_memory_ -= kept.memory.count;
  --idle_;
}

void Keeper::lend(Kept& kept, SteadyTime now) {
  hold(kept);
  policy_.used(kept);
  kept.since = now;
}

void Keeper::set_idle(Kept& kept, SteadyTime now) {
  kept.since = now;
  if (kept.is_idle || kept.index == Kept::kNotCounted) return;
  kept.is_idle = true;
  idle_memory_ += kept.memory.count;
  ++idle_;
}

void Keeper::set_memory(Kept& kept, model::Bytes memory) {
  if (kept.index != Kept::kNotCounted) {
    memory_ += memory.count - kept.memory.count;
    if (kept.is_idle) idle_memory_ += memory.count - kept.memory.count;
  }
  kept.memory = memory;
}

Kept* Keeper::least_worth(const Asking& asking) const {
  Kept* least = nullptr;
  double worth = 0;
  for (auto* kept : entries_) {
    if (!kept->is_idle || !asking.may_have(*kept)) continue;
    auto its = policy_.worth(*kept);
    if (least == nullptr || its < worth) {
      least = kept;
      worth = its;
    }
  }
  return least;
}

void Keeper::evict(Kept& kept, SteadyTime now, std::vector<Kept*>& victims) {
  policy_.evicted(kept, now);
  leave(kept);
  victims.push_back(&kept);
}

void Keeper::take_expired(SteadyTime now, std::vector<Kept*>& victims) {
  auto limit = policy_.idle_limit(now);
  for (std::size_t i = 0; i < entries_.size();) {
    auto& kept = *entries_[i];
    if (kept.is_idle && now - kept.since >= limit) {
      leave(kept);
      victims.push_back(&kept);
    } else {
      ++i;
    }
  }
}

void Keeper::take_excess(SteadyTime now, std::vector<Kept*>& victims) {
  while (memory_ + reserved_ > limits_.memory.count && idle_ > 0) evict(*least_worth({}), now, victims);
}

}  // namespace virga::dispatch
