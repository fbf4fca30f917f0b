// Instances of a pool that are there before a call comes: those of provisioned concurrency, which stay ready whatever
// else needs the room, and those made ready for a call that is known to come.
#include "virga/dispatch/pool.h"

namespace virga::dispatch {

void Pool::pin(std::uint32_t count) {
  pins_ = count;
  pins_rest_ = false;
  if (count == 0) pin_failure_.clear();
  settle_pins();
}

void Pool::take_care() {
  if (pins_ == 0) return;
  pins_rest_ = false;
  settle_pins();
}

void Pool::set_pinned(Place& place, bool is_pinned) {
  place.is_pinned = is_pinned;
  if (is_pinned) {
    parts_.budget.hold(place);
  } else if (place.calls == 0 && place.instance->state() == runtime::AnyInstance::State::Ready) {
    parts_.budget.set_idle(place, parts_.loop.now());
  }
}

void Pool::settle_pins() {
  if (stopped_) return;
  std::uint32_t pinned = 0;
  for (auto& place : places_) {
    bool can_be = !place->is_leaving && place->instance->state() != runtime::AnyInstance::State::Ending;
    bool is_to_be = can_be && pinned < pins_;
    if (is_to_be) ++pinned;
    if (place->is_pinned != is_to_be) set_pinned(*place, is_to_be);
  }
  for (; pinned < pins_ && !pins_rest_ && starting_ < kMaxStarting; ++pinned) {
    if (!start_one()) {
      pin_failure_ = "there is no room for it within the memory budget";
      pins_rest_ = true;
      return;
    }
    places_.back()->is_pinned = true;
  }
}

bool Pool::may_take_none(const Kept&, const Kept&, SteadyTime) {
  return false;
}

bool Pool::prepare() {
  // One that stands in for this pool has an instance; this pool's own is about to start, or has.
  if (stopped_ || pins_ > 0 || duty_ != Duty::Serving || starting_ > 0 || has_ready()) return false;
  return start_one(Reach::None);
}

ProvisionedCounts Pool::provisioned() const {
  ProvisionedCounts counts;
  for (const auto& place : places_) {
    if (!place->is_pinned) continue;
    ++counts.allocated;
    if (place->instance->state() == runtime::AnyInstance::State::Ready) ++counts.available;
  }
  counts.failure = pin_failure_;
  return counts;
}

}  // namespace virga::dispatch
