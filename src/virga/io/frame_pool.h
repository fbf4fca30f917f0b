#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

// Memory for the frames of coroutines. A request passes a handful of them, always of the same sizes: kept ones cost a
// tenth of what the allocator asks.
namespace virga::io::internal {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIRGA_POOLS_FRAMES 0  // a kept frame would hide the use of one that is gone
#endif
#endif
#ifndef VIRGA_POOLS_FRAMES
#define VIRGA_POOLS_FRAMES 1
#endif

inline constexpr std::size_t kFrameStep = 64;      // bytes between two sizes that are kept
inline constexpr std::size_t kFrameSizes = 64;     // larger frames (4 KiB and more) come from the allocator
inline constexpr std::uint32_t kKeptFrames = 256;  // of each size, by each thread

struct KeptFrame {
  KeptFrame* next;
};
struct KeptFrames {
  KeptFrame* first = nullptr;
  std::uint32_t count = 0;
};

// A thread that ends leaves what it kept: loops live as long as the process.
inline constinit thread_local std::array<KeptFrames, kFrameSizes> kept_frames{};

inline void* take_frame(std::size_t size) {
  auto step = (size + kFrameStep - 1) / kFrameStep;
  if (VIRGA_POOLS_FRAMES == 0 || step >= kFrameSizes) return ::operator new(size);
  auto& kept = kept_frames[step];
  if (kept.first == nullptr) return ::operator new(step * kFrameStep);
  auto* frame = kept.first;
  kept.first = frame->next;
  --kept.count;
  return frame;
}

inline void give_frame(void* memory, std::size_t size) noexcept {
  auto step = (size + kFrameStep - 1) / kFrameStep;
  if (VIRGA_POOLS_FRAMES == 0 || step >= kFrameSizes || kept_frames[step].count == kKeptFrames) {
    ::operator delete(memory);
    return;
  }
  auto& kept = kept_frames[step];
  kept.first = ::new (memory) KeptFrame{kept.first};
  ++kept.count;
}

}  // namespace virga::io::internal
