#include "virga/dispatch/internal/lineup.h"

#include <algorithm>
#include <bit>

#include "virga/base/assert.h"

namespace virga::dispatch {

void Lineup::put(Member& member, std::size_t depth) {
  VIRGA_ASSERT(depth <= kMaxDepth);
  remove(member);
  member.depth = static_cast<std::uint8_t>(depth);
  member.older = newest_[depth];
  if (member.older != nullptr) member.older->newer = &member;
  newest_[depth] = &member;
  used_ |= std::uint64_t{1} << depth;
  if (depth == 0) ++idle_count_;
}

void Lineup::remove(Member& member) {
  if (member.depth == kOutside) return;
  if (member.newer != nullptr) {
    member.newer->older = member.older;
  } else {
    newest_[member.depth] = member.older;
    if (member.older == nullptr) used_ &= ~(std::uint64_t{1} << member.depth);
  }
  if (member.older != nullptr) member.older->newer = member.newer;
  if (member.depth == 0) --idle_count_;
  member = {};
}

Lineup::Member* Lineup::least_busy() const {
  auto busy = used_ & ~std::uint64_t{1};
  return busy == 0 ? nullptr : newest_[static_cast<std::size_t>(std::countr_zero(busy))];
}

Lineup::Member* Lineup::fullest_below(std::size_t depth) const {
  depth = std::min(depth, kMaxDepth + 1);
  auto busy = used_ & ~std::uint64_t{1} & ((std::uint64_t{1} << depth) - 1);
  return busy == 0 ? nullptr : newest_[static_cast<std::size_t>(std::bit_width(busy) - 1)];
}

}  // namespace virga::dispatch
