#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/os/errno.h"

namespace virga::sandbox::spawn {

// What epoll hands back to the helper's loop: the serial of a sandbox, which begins at 1, and which of its descriptors
// it was. The last three are those of templates and forks.
enum class Which : std::uint64_t { Socket, Process, Program, ForkSocket, Handshake, ForkProcess };
inline constexpr std::uint64_t kWhiches = 6;
constexpr std::uint64_t key_of(std::uint64_t serial, Which which) {
  return serial * kWhiches + static_cast<std::uint64_t>(which);
}

inline Result<> watch(const os::Descriptor& epoll, int descriptor, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return os::fail_errno("epoll_ctl");
  return {};
}

// Before a descriptor is closed: a child that is being made may still hold a copy, and while one is left its events go
// on, as fast as they are asked for.
inline void forget(const os::Descriptor& epoll, const os::Descriptor& watched) {
  if (watched.valid()) (void)::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, watched.get(), nullptr);
}

}  // namespace virga::sandbox::spawn
