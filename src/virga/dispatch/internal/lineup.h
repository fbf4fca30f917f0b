#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace virga::dispatch {

// The instances of a pool that may be given calls, by how many calls each has. Every question is answered without a
// search, and nothing is allocated: asked for each call. Within a depth the one put there last comes first, so that the
// same few do the work and the others grow old. One loop.
class Lineup {
 public:
  static constexpr std::size_t kMaxDepth = 32;  // calls of one instance

  // Embedded in what stands in the lineup. Removed before it is destroyed.
  struct Member {
    Member* older = nullptr;
    Member* newer = nullptr;
    std::uint8_t depth = kOutside;
  };
  static constexpr std::uint8_t kOutside = 255;

  // Places it in front of the others of this depth, wherever it stood.
  void put(Member& member, std::size_t depth);
  // Takes it out, if it is in.
  void remove(Member& member);

  // The one that became idle last, or null.
  Member* idle() const { return newest_[0]; }
  // A busy one with the fewest calls, or null.
  Member* least_busy() const;
  // The busy one with the most calls among those with fewer than `depth`, or null.
  Member* fullest_below(std::size_t depth) const;

  std::uint32_t idle_count() const { return idle_count_; }

 private:
  std::array<Member*, kMaxDepth + 1> newest_{};
  std::uint64_t used_ = 0;  // a bit for each depth somebody has
  std::uint32_t idle_count_ = 0;
};

}  // namespace virga::dispatch
