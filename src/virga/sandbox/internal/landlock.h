#pragma once

#include <cstddef>
#include <cstdint>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

// landlock(7), Documentation/userspace-api/landlock.rst. Written out here because distributions' headers lag behind the
// kernels they run on, and the rules degrade by what the running kernel knows.
namespace virga::sandbox::landlock {

inline constexpr std::uint64_t kExecute = 1 << 0;
inline constexpr std::uint64_t kWriteFile = 1 << 1;
inline constexpr std::uint64_t kReadFile = 1 << 2;
inline constexpr std::uint64_t kReadDirectory = 1 << 3;
inline constexpr std::uint64_t kMakeCharacterDevice = 1 << 6;
inline constexpr std::uint64_t kMakeBlockDevice = 1 << 11;
inline constexpr std::uint64_t kTruncate = 1 << 14;          // ABI 3
inline constexpr std::uint64_t kIoctlDevice = 1 << 15;       // ABI 5
inline constexpr std::uint64_t kBindAndConnectTcp = 3;       // ABI 4
inline constexpr std::uint64_t kScopeAbstractAndSignal = 3;  // ABI 6

inline constexpr int kMovesFiles = 2;     // from this ABI on files may move between folders under rules
inline constexpr int kScopesSignals = 6;  // from this ABI on signals and abstract sockets are fenced

// What rules take away unless they allow it: struct landlock_ruleset_attr.
struct Handled {
  std::uint64_t fs = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
};

// The kernel's ABI; 0: it has no Landlock.
int abi();
// All file accesses that this ABI knows, and its scopes; no ports.
Handled handled_by(int abi);
Result<os::Descriptor> make_rules(int abi, const Handled& handled);
// Allows `rights` on a file, or on a folder and below. A path that is not there needs no rule: no error.
Result<> allow(const os::Descriptor& rules, const Handled& handled, const char* path, std::uint64_t rights);
// The same; `path` is read as it would be by a process whose root is this folder.
Result<> allow_in(const os::Descriptor& root, const os::Descriptor& rules, const Handled& handled, const char* path,
                  std::uint64_t rights);
// From here on this thread and its children keep to the rules. False: errno tells why. Allocates nothing.
bool enforce(const os::Descriptor& rules);

}  // namespace virga::sandbox::landlock
