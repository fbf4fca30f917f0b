#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "virga/os/errno.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {
namespace {

// landlock(7), Documentation/userspace-api/landlock.rst. Written out here because distributions' headers lag behind the
// kernels they run on, and the rules degrade by what the running kernel knows.
constexpr std::uint64_t kExecute = 1 << 0;
constexpr std::uint64_t kWriteFile = 1 << 1;
constexpr std::uint64_t kReadFile = 1 << 2;
constexpr std::uint64_t kReadDirectory = 1 << 3;
constexpr std::uint64_t kAllOfAbi1 = (1 << 13) - 1;
constexpr std::uint64_t kRefer = 1 << 13;        // ABI 2
constexpr std::uint64_t kTruncate = 1 << 14;     // ABI 3
constexpr std::uint64_t kIoctlDevice = 1 << 15;  // ABI 5
constexpr std::uint64_t kMakeCharacterDevice = 1 << 6;
constexpr std::uint64_t kMakeBlockDevice = 1 << 11;
constexpr std::uint64_t kBindAndConnectTcp = 3;       // ABI 4
constexpr std::uint64_t kScopeAbstractAndSignal = 3;  // ABI 6

struct RuleSetAttributes {
  std::uint64_t handled_fs;
  std::uint64_t handled_net;
  std::uint64_t scoped;
};
struct [[gnu::packed]] PathBeneath {
  std::uint64_t allowed;
  std::int32_t parent;
};

constexpr int kRulePathBeneath = 1;
constexpr unsigned kGetVersion = 1;

long create_ruleset(const RuleSetAttributes* attributes, std::size_t size, unsigned flags) {
  return ::syscall(444, attributes, size, flags);
}

}  // namespace

int landlock_abi() {
  long abi = create_ruleset(nullptr, 0, kGetVersion);
  return abi > 0 ? static_cast<int>(abi) : 0;
}

Result<os::Descriptor> make_landlock_rules(int abi, const Spec& spec) {
  RuleSetAttributes attributes{kAllOfAbi1, 0, 0};
  std::size_t size = sizeof(std::uint64_t);
  if (abi >= 2) attributes.handled_fs |= kRefer;
  if (abi >= 3) attributes.handled_fs |= kTruncate;
  if (abi >= 5) attributes.handled_fs |= kIoctlDevice;
  if (abi >= 4) {
    size = 2 * sizeof(std::uint64_t);
    // No rule allows a port, so nothing binds or connects over TCP.
    if (spec.network == Network::None) attributes.handled_net = kBindAndConnectTcp;
  }
  if (abi >= 6) {
    size = sizeof(attributes);
    attributes.scoped = kScopeAbstractAndSignal;
  }
  os::Descriptor rules(static_cast<int>(create_ruleset(&attributes, size, 0)));
  if (!rules.valid()) return os::fail_errno("landlock_create_ruleset");

  const std::uint64_t read = kReadFile | kReadDirectory;
  const std::uint64_t run = read | kExecute;
  const std::uint64_t write = attributes.handled_fs & ~(kMakeCharacterDevice | kMakeBlockDevice | kIoctlDevice);
  const std::uint64_t device = kReadFile | kWriteFile | (attributes.handled_fs & kTruncate);
  struct Rule {
    const char* path;
    std::uint64_t allowed;
  };
  // "/" may be listed and no more; what is below gets its own rule.
  const Rule kRules[] = {{"/", kReadDirectory},
                         {"/usr", run},
                         {"/bin", run},
                         {"/sbin", run},
                         {"/lib", run},
                         {"/lib64", run},
                         {"/opt", run},
                         {"/var/task", run},
                         {"/var/runtime", run},
                         {"/etc", read},
                         {"/proc", read | kWriteFile},  // /proc/self/oom_score_adj, comm; the mount decides the rest
                         {"/tmp", write},
                         {"/dev/shm", write & ~kExecute},
                         {"/dev/null", device},
                         {"/dev/zero", device},
                         {"/dev/full", device},
                         {"/dev/random", device},
                         {"/dev/urandom", device}};
  auto add = [&](const char* path, std::uint64_t allowed) -> Result<> {
    os::Descriptor parent(::open(path, O_PATH | O_CLOEXEC));
    if (!parent.valid()) {
      if (errno == ENOENT) return {};
      return os::fail_errno("open", path);
    }
    PathBeneath beneath{allowed & attributes.handled_fs, parent.get()};
    if (::syscall(445, rules.get(), kRulePathBeneath, &beneath, 0) != 0)
      return os::fail_errno("landlock_add_rule", path);
    return {};
  };
  for (const auto& rule : kRules) VIRGA_TRY(add(rule.path, rule.allowed));
  if (!spec.output_directory.empty()) VIRGA_TRY(add("/var/output", write));
  return rules;
}

const char* enforce_landlock(const os::Descriptor& rules) {
  if (rules.valid() && ::syscall(446, rules.get(), 0) != 0) return "landlock_restrict_self";
  return nullptr;
}

}  // namespace virga::sandbox::spawn
