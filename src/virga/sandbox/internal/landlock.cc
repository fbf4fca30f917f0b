#include "virga/sandbox/internal/landlock.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "virga/os/errno.h"

namespace virga::sandbox::landlock {
namespace {

constexpr std::uint64_t kAllOfAbi1 = (1 << 13) - 1;
constexpr std::uint64_t kRefer = 1 << 13;  // ABI 2
constexpr std::uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;

constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kGetVersion = 1;
constexpr int kRulePathBeneath = 1;

struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

}  // namespace

int abi() {
  long version = ::syscall(kCreateRuleset, nullptr, 0, kGetVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

Handled handled_by(int abi) {
  Handled handled{kAllOfAbi1, 0, 0};
  if (abi >= 2) handled.fs |= kRefer;
  if (abi >= 3) handled.fs |= kTruncate;
  if (abi >= 5) handled.fs |= kIoctlDevice;
  if (abi >= kScopesSignals) handled.scoped = kScopeAbstractAndSignal;
  return handled;
}

Result<os::Descriptor> make_rules(int abi, const Handled& handled) {
  // An older kernel takes the part of the structure that it knows.
  std::size_t size = abi >= 6 ? sizeof(Handled) : abi >= 4 ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
  os::Descriptor rules(static_cast<int>(::syscall(kCreateRuleset, &handled, size, 0)));
  if (!rules.valid()) return os::fail_errno("landlock_create_ruleset");
  return rules;
}

namespace {

Result<> add_rule(const os::Descriptor& parent, const os::Descriptor& rules, const Handled& handled, const char* path,
                  std::uint64_t rights) {
  if (!parent.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return os::fail_errno("open", path);
  }
  struct stat status{};
  if (::fstat(parent.get(), &status) != 0) return os::fail_errno("stat", path);
  // On a file the kernel refuses rights that only folders have.
  if (!S_ISDIR(status.st_mode)) rights &= kForFiles;
  PathBeneath beneath{rights & handled.fs, parent.get()};
  if (::syscall(kAddRule, rules.get(), kRulePathBeneath, &beneath, 0) != 0) {
    return os::fail_errno("landlock_add_rule", path);
  }
  return {};
}

}  // namespace

Result<> allow(const os::Descriptor& rules, const Handled& handled, const char* path, std::uint64_t rights) {
  os::Descriptor parent(::open(path, O_PATH | O_CLOEXEC));
  return add_rule(parent, rules, handled, path, rights);
}

Result<> allow_in(const os::Descriptor& root, const os::Descriptor& rules, const Handled& handled, const char* path,
                  std::uint64_t rights) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT;
  os::Descriptor parent(static_cast<int>(::syscall(SYS_openat2, root.get(), path, &how, sizeof(how))));
  return add_rule(parent, rules, handled, path, rights);
}

bool enforce(const os::Descriptor& rules) {
  return ::syscall(kRestrictSelf, rules.get(), 0) == 0;
}

}  // namespace virga::sandbox::landlock
