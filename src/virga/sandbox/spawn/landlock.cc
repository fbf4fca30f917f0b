#include "virga/sandbox/internal/landlock.h"

#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {

int landlock_abi() {
  return landlock::abi();
}

namespace {

using namespace landlock;

Handled handled_for(int abi, Network network) {
  Handled handled = handled_by(abi);
  // No rule allows a port, so nothing binds or connects over TCP.
  if (abi >= 4 && network == Network::None) handled.net = kBindAndConnectTcp;
  return handled;
}

constexpr std::uint64_t kRead = kReadFile | kReadDirectory;
constexpr std::uint64_t kRun = kRead | kExecute;

std::uint64_t write_rights(const Handled& handled) {
  return handled.fs & ~(kMakeCharacterDevice | kMakeBlockDevice | kIoctlDevice);
}

// `allow` takes a path and rights.
template <typename Allow>
Result<> allow_all(const Handled& handled, Allow allow) {
  const std::uint64_t write = write_rights(handled);
  const std::uint64_t device = kReadFile | kWriteFile | kTruncate;
  struct Rule {
    const char* path;
    std::uint64_t allowed;
  };
  // "/" may be listed and no more; what is below gets its own rule.
  const Rule kRules[] = {{"/", kReadDirectory},
                         {"/usr", kRun},
                         {"/bin", kRun},
                         {"/sbin", kRun},
                         {"/lib", kRun},
                         {"/lib64", kRun},
                         {"/opt", kRun},
                         {"/var/task", kRun},
                         {"/var/runtime", kRun},
                         {"/etc", kRead},
                         {"/proc", kRead | kWriteFile},  // /proc/self/oom_score_adj, comm; the mount decides the rest
                         {"/tmp", write},
                         {"/dev/shm", write & ~kExecute},
                         {"/dev/null", device},
                         {"/dev/zero", device},
                         {"/dev/full", device},
                         {"/dev/random", device},
                         {"/dev/urandom", device}};
  for (const auto& rule : kRules) VIRGA_TRY(allow(rule.path, rule.allowed));
  return {};
}

}  // namespace

Result<os::Descriptor> make_landlock_rules(int abi, const Spec& spec) {
  Handled handled = handled_for(abi, spec.network);
  VIRGA_TRY_ASSIGN(auto rules, make_rules(abi, handled));
  auto allow_path = [&](const char* path, std::uint64_t rights) { return allow(rules, handled, path, rights); };
  if (spec.stage == Stage::Template) {
    // Rules can only be added to, and go by the file, not by its path: the /tmp of a fork to come could not be allowed
    // later. Of what is mounted only /tmp and /dev/shm can be written; each fork enters the usual rules for its own
    // root (make_fork_rules).
    VIRGA_TRY(allow_path("/", write_rights(handled)));
    return rules;
  }
  VIRGA_TRY(allow_all(handled, allow_path));
  if (!spec.output_directory.empty()) VIRGA_TRY(allow_path("/var/output", write_rights(handled)));
  // The code of a stem is mounted over /var/task later. Of a path through a mount point the kernel asks what is mounted
  // there and then the folder above; the covered folder, and with it its rule, is passed over. In /var there is nothing
  // but the folders that may be read and run anyway.
  if (spec.stage == Stage::Stem) VIRGA_TRY(allow_path("/var", kRun));
  return rules;
}

Result<os::Descriptor> make_fork_rules(int abi, Network network, const os::Descriptor& tree) {
  Handled handled = handled_for(abi, network);
  VIRGA_TRY_ASSIGN(auto rules, make_rules(abi, handled));
  VIRGA_TRY(allow_all(
      handled, [&](const char* path, std::uint64_t rights) { return allow_in(tree, rules, handled, path, rights); }));
  return rules;
}

const char* enforce_landlock(const os::Descriptor& rules) {
  if (rules.valid() && !landlock::enforce(rules)) return "landlock_restrict_self";
  return nullptr;
}

}  // namespace virga::sandbox::spawn
