#include "virga/sandbox/internal/landlock.h"

#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {

int landlock_abi() {
  return landlock::abi();
}

Result<os::Descriptor> make_landlock_rules(int abi, const Spec& spec) {
  using namespace landlock;
  Handled handled = handled_by(abi);
  // No rule allows a port, so nothing binds or connects over TCP.
  if (abi >= 4 && spec.network == Network::None) handled.net = kBindAndConnectTcp;
  VIRGA_TRY_ASSIGN(auto rules, make_rules(abi, handled));

  const std::uint64_t read = kReadFile | kReadDirectory;
  const std::uint64_t run = read | kExecute;
  const std::uint64_t write = handled.fs & ~(kMakeCharacterDevice | kMakeBlockDevice | kIoctlDevice);
  const std::uint64_t device = kReadFile | kWriteFile | kTruncate;
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
  for (const auto& rule : kRules) VIRGA_TRY(allow(rules, handled, rule.path, rule.allowed));
  if (!spec.output_directory.empty()) VIRGA_TRY(allow(rules, handled, "/var/output", write));
  // The code of a stem is mounted over /var/task later. Of a path through a mount point the kernel asks what is mounted
  // there and then the folder above; the covered folder, and with it its rule, is passed over. In /var there is nothing
  // but the folders that may be read and run anyway.
  if (spec.stage == Stage::Stem) VIRGA_TRY(allow(rules, handled, "/var", run));
  return rules;
}

const char* enforce_landlock(const os::Descriptor& rules) {
  if (rules.valid() && !landlock::enforce(rules)) return "landlock_restrict_self";
  return nullptr;
}

}  // namespace virga::sandbox::spawn
