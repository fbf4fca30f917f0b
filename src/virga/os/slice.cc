#include "virga/os/slice.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <optional>

namespace virga::os {
namespace {

// struct sched_attr of linux/sched/types.h, which cannot be included beside the C library's own scheduling types.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(Attributes) == 48);  // SCHED_ATTR_SIZE_VER0

std::optional<Attributes> attributes_of_thread() {
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return std::nullopt;
  return attributes;
}

}  // namespace

void set_slice(std::chrono::nanoseconds slice) {
  auto attributes = attributes_of_thread();  // the others stay as they are
  if (!attributes) return;
  attributes->size = sizeof(Attributes);
  attributes->runtime = static_cast<std::uint64_t>(slice.count());
  (void)::syscall(SYS_sched_setattr, 0, &*attributes, 0);
}

std::chrono::nanoseconds slice() {
  auto attributes = attributes_of_thread();
  return std::chrono::nanoseconds(attributes ? attributes->runtime : 0);
}

}  // namespace virga::os
