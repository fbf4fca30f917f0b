#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox::spawn {

// What is said over the two sockets of a fork: that to the template's program and the handshake with the fork
// (docs/forks.md). The other side is hostile code.

// To the program and from it, 16 bytes; the machine's own order, which is little-endian on all that are supported.
struct ForkWord {
  enum Kind : std::uint32_t { Fork = 1, Forked = 2, Failed = 3, Ended = 4 };
  std::uint32_t kind = Fork;
  std::int32_t value = 0;    // of Failed: errno; of Ended: wait status
  std::uint64_t number = 0;  // which fork of this template
};
static_assert(sizeof(ForkWord) == 16);

// Asks for a fork: input, output, errors, frames, handshake, rules.
Result<> ask_for_fork(const os::Descriptor& socket, std::uint64_t number, const std::array<int, 6>& descriptors);
// The next word; nullopt: none yet. An error: the other side is gone, or does not keep to the form.
Result<std::optional<ForkWord>> read_word(const os::Descriptor& socket);

// The helper's end is to be told who sends.
Result<> tell_senders(const os::Descriptor& handshake);
// Who sent the next message of the handshake, as a process id of this process's namespace, given by the kernel;
// nullopt: none yet. An error: the other side is gone.
Result<std::optional<pid_t>> read_sender(const os::Descriptor& handshake);

// What /proc says of a process that claims to be a fork.
struct Claimant {
  pid_t parent = 0;
  std::uint32_t user = 0;
  std::uint32_t threads = 0;
  pid_t inside = 0;  // its number in its own pid namespace
};
Result<Claimant> look_at(pid_t pid);

}  // namespace virga::sandbox::spawn
