#pragma once

#include <sys/types.h>

#include <cstdint>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/cgroup.h"
#include "virga/sandbox/spawn/mount.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {

// A blank is a sandbox without a task: namespaces, ids, root file system and groups are there, and its first process
// waits for an order. No tenant has touched it, so it may become anybody's; it becomes so once.
//
// The first order may be to prime itself: then process 2 is there as well, as powerless as any program, and waits for
// the program it will become, while the first process is init already. The helper attaches the task from outside.

// What the helper found out or made at its start, the same for every sandbox.
struct Ground {
  bool is_root = false;
  std::uint32_t owner = 0;  // the daemon's user, to whom what sandboxes write belongs
  const Filters& filters;
  int landlock_abi = 0;
  const os::Descriptor& init;  // the image of virga-init
  const Workshop& workshop;
  const Roots& roots;
  std::uint16_t services_port = 0;  // 0: sandboxes have no listener for services
};

// What comes with an order beside the bytes of the request, in this order: those of the request (kHas... bits), then
// these.
inline constexpr std::uint32_t kHasCode = 16;
inline constexpr std::uint32_t kHasLayers = 32;
inline constexpr std::uint32_t kHasRuntime = 64;
inline constexpr std::uint32_t kHasOutputFolder = 128;
inline constexpr std::uint32_t kHasMeminfo = 256;
inline constexpr std::uint32_t kHasResolver = 512;
inline constexpr std::uint32_t kHasTmp = 1024;
inline constexpr std::uint32_t kHasForkSocket = 2048;  // of a template: its program's end

// An order is this, followed by the request's own bytes; without those, and with the folder for layers, it is the one
// to prime. What a primed process 2 gets is the same, without trees.
struct OrderHead {
  std::uint32_t descriptors = 0;  // kHas... bits
  std::uint32_t has_cgroups = 0;
  std::uint32_t egress_slot = 0;  // for Network::Egress
};

// What the first process tells the helper.
struct BlankReport {
  enum Kind : std::int32_t {
    Ready,    // waits for an order
    Running,  // the program runs; with a stem come what StemHandles has, then the listener for services, that of the
              // runtime API and the sockets for names, each if there is one; with a template its root as a tree and a
              // pidfd of its program
    Failed,   // text says why; the process ends
    Primed,   // process 2 waits for its program; what StemHandles has comes along, then the runtime API's listener, a
              // socket to process 2, and the listener for services if there is one
  };
  std::int32_t kind = Ready;
  std::int32_t error_code = 0;                  // an ErrorCode
  std::int64_t microseconds[4] = {0, 0, 0, 0};  // Ready: [0] set-up; Running: mounts, policy, exec
  char text[400] = {};
};
// After Running, one last message comes from virga-init: the program's wait status, an int. For a template's, see
// init/door.h.

struct Blank {
  pid_t pid = -1;
  os::Descriptor process;  // pidfd
  os::Descriptor socket;   // non-blocking
};
// `host_id` becomes the user and group 1000 inside.
Result<Blank> make_blank(const Ground& ground, const Cgroup* cgroup, std::uint32_t host_id);

}  // namespace virga::sandbox::spawn
