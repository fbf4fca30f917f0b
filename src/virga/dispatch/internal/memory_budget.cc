#include "virga/dispatch/internal/memory_budget.h"

namespace virga::dispatch {

bool MemoryBudget::admit(Kept& kept, SteadyTime now, Keeper::MayTake may_take) {
  look_at_reserved();
  bool is_in = keeper_.admit(kept, now, victims_, may_take);
  evict_all(Figures::Eviction::Room);
  return is_in;
}

void MemoryBudget::set_memory(Kept& kept, model::Bytes memory) {
  if (memory == kept.memory) return;
  typical_ += (static_cast<double>(memory.count) - typical_) / 16;
  keeper_.set_memory(kept, memory);
}

void MemoryBudget::look_at_reserved() {
  if (reserved_) keeper_.set_reserved(reserved_());
}

void MemoryBudget::take_care(SteadyTime now) {
  look_at_reserved();
  keeper_.take_expired(now, victims_);
  evict_all(Figures::Eviction::Idle);
  keeper_.take_excess(now, victims_);
  evict_all(Figures::Eviction::Growth);
}

void MemoryBudget::evict_all(Figures::Eviction why) {
  for (auto* victim : victims_) {
    figures_.count(why);
    evict_(*victim);
  }
  victims_.clear();
}

}  // namespace virga::dispatch
