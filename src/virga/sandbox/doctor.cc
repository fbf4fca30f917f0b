#include "virga/sandbox/doctor.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "virga/os/file.h"
#include "virga/sandbox/helper.h"
#include "virga/sandbox/internal/cgroup_files.h"

namespace virga::sandbox {
namespace {

using State = Check::State;

std::string read_or_empty(const std::string& path) {
  auto text = os::read_file(path);
  return text ? *text : std::string();
}

Check kernel() {
  // The newest calls without which no sandbox is made: mount_setattr (5.12) and, for overlays without root, 5.11.
  constexpr int kMajor = 5;
  constexpr int kMinor = 12;
  utsname name{};
  ::uname(&name);
  int major = 0;
  int minor = 0;
  (void)std::sscanf(name.release, "%d.%d", &major, &minor);
  if (major > kMajor || (major == kMajor && minor >= kMinor)) return {"kernel", State::Ok, name.release, ""};
  return {"kernel", State::Missing, std::string(name.release) + " is too old for the sandbox",
          "use Linux 5.12 or newer (6.1 or newer for all of its layers)"};
}

Check user_namespaces() {
  constexpr const char* kName = "user namespaces";
  if (parse_number(read_or_empty("/proc/sys/user/max_user_namespaces")).value_or(0) == 0) {
    return {kName, State::Missing, "user.max_user_namespaces is 0 or not known to this kernel",
            "sysctl user.max_user_namespaces=65536"};
  }
  if (::geteuid() == 0) return {kName, State::Ok, "there; root may make them", ""};
  if (parse_number(read_or_empty("/proc/sys/kernel/unprivileged_userns_clone")).value_or(1) == 0) {
    return {kName, State::Missing, "only root may make them on this machine",
            "start Virga as root, or sysctl kernel.unprivileged_userns_clone=1"};
  }
  if (parse_number(read_or_empty("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")).value_or(0) == 1) {
    return {
        kName, State::Limited, "AppArmor lets only named programs make them without root",
        "start Virga as root, install its AppArmor profile, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"};
  }
  return {kName, State::Ok, "there; everybody may make them", ""};
}

Check cgroups() {
  constexpr const char* kName = "cgroups";
  auto mounts = parse_cgroup_mounts(read_or_empty("/proc/self/mountinfo"));
  bool v2 = false;
  std::size_t v1 = 0;
  for (const auto& mount : mounts) {
    std::string available = mount.v2 ? read_or_empty(mount.path + "/cgroup.controllers") : "";
    v2 = v2 || (has_word(available, "memory") && has_word(available, "pids") && has_word(available, "cpu"));
    for (const char* name : {"memory", "pids", "cpu", "cpuacct", "freezer"}) {
      v1 += std::count(mount.controllers.begin(), mount.controllers.end(), name) > 0 ? 1u : 0u;
    }
  }
  std::string who =
      ::geteuid() == 0 ? "" : "; without root they are used only if a v2 subtree is delegated to this user";
  State state = ::geteuid() == 0 ? State::Ok : State::Limited;
  std::string fix = ::geteuid() == 0 ? "" : "start Virga as root, or in a systemd unit with Delegate=yes";
  if (v2) return {kName, state, "v2" + who, fix};
  if (v1 == 5) return {kName, state, "v1: memory, pids, cpu, cpuacct, freezer" + who, fix};
  return {kName, ::geteuid() == 0 ? State::Missing : State::Limited,
          "neither v2 nor all of v1's memory, pids, cpu, cpuacct and freezer are mounted: memory and CPU of a whole "
          "function cannot be limited",
          "mount cgroup2 on /sys/fs/cgroup with the controllers memory, pids and cpu"};
}

Check seccomp() {
  std::string actions = read_or_empty("/proc/sys/kernel/seccomp/actions_avail");
  if (has_word(actions, "errno") && has_word(actions, "kill_process")) {
    return {"seccomp", State::Ok, "filters system calls", ""};
  }
  return {"seccomp", State::Missing, "this kernel cannot filter system calls",
          "use a kernel with CONFIG_SECCOMP_FILTER"};
}

Check landlock() {
  constexpr int kGood = 6;  // scopes signals and abstract sockets
  long abi = ::syscall(444 /* landlock_create_ruleset */, nullptr, 0, 1u /* ask for the version */);
  if (abi >= kGood) return {"landlock", State::Ok, "ABI " + std::to_string(abi), ""};
  if (abi > 0) {
    return {"landlock", State::Limited, "ABI " + std::to_string(abi) + ": the second layer below the mounts is thinner",
            "a newer kernel (6.12) also fences signals and abstract sockets"};
  }
  return {"landlock", State::Limited, "not there: the second layer below the mounts is missing",
          "use a kernel with CONFIG_SECURITY_LANDLOCK, and \"landlock\" in lsm="};
}

Check hyperthreads() {
  bool on = parse_number(read_or_empty("/sys/devices/system/cpu/smt/active")).value_or(0) == 1;
  if (!on) return {"hyper-threads", State::Ok, "off, or not there", ""};
  return {"hyper-threads", State::Limited,
          "on: functions of different tenants may watch each other through a shared core",
          "for tenants who do not trust each other: echo off > /sys/devices/system/cpu/smt/control"};
}

Check egress() {
  constexpr const char* kName = "egress";
  constexpr const char* kLoss = "functions cannot be given the internet: ";
  if (::geteuid() != 0) return {kName, State::Limited, std::string(kLoss) + "this is not root", "start Virga as root"};
  if (::access("/usr/sbin/nft", X_OK) != 0) {
    return {kName, State::Limited, std::string(kLoss) + "/usr/sbin/nft is missing", "install the package nftables"};
  }
  if (!read_or_empty("/proc/sys/net/ipv4/ip_forward").starts_with('1')) {
    return {kName, State::Limited, std::string(kLoss) + "this host forwards no packets",
            "sysctl net.ipv4.ip_forward=1, and allow forwarding in other firewalls on this host"};
  }
  return {kName, State::Ok, "veth and nftables", ""};
}

constexpr int kPatience = 5000;  // milliseconds for an event

// The next event; a refusal is an error.
Result<Event> next_event(Helper& helper) {
  while (true) {
    VIRGA_TRY_ASSIGN(auto event, helper.receive());
    if (!event) {
      pollfd waiting{helper.descriptor(), POLLIN, 0};
      if (::poll(&waiting, 1, kPatience) == 0) return fail(ErrorCode::DeadlineExceeded, "no answer in 5 seconds");
      continue;
    }
    if (auto* failed = std::get_if<StartFailed>(&*event)) return fail(std::move(failed->error));
    if (auto* failed = std::get_if<BindFailed>(&*event)) return fail(std::move(failed->error));
    return std::move(*event);
  }
}

// The next event of this kind; whatever else comes is passed over, but for refusals.
template <typename T>
Result<T> wait_for(Helper& helper) {
  while (true) {
    VIRGA_TRY_ASSIGN(auto event, next_event(helper));
    if (auto* found = std::get_if<T>(&event)) return std::move(*found);
  }
}

// Starts one sandbox whose /tmp is too large for its memory, and looks whether the helper has something to say.
Result<std::string> try_disk() {
  VIRGA_TRY_ASSIGN(auto folder, os::TemporaryDirectory::create());
  VIRGA_TRY_ASSIGN(auto helper, Helper::start({.state_directory = folder.path() + "/state", .blanks = 0}));
  Spec spec;
  spec.id = 1;
  spec.arguments = {"/bin/true"};
  spec.working_directory = "/";
  spec.limits.tmp_bytes = 2 * most_tmp_in_memory(spec.limits);
  VIRGA_TRY(helper.start(spec, {}));
  std::string notice;
  while (true) {
    VIRGA_TRY_ASSIGN(auto event, next_event(helper));
    if (auto* said = std::get_if<Notice>(&event)) notice = std::move(said->text);
    if (std::holds_alternative<Ended>(event)) return notice;
  }
}

Check disks() {
  constexpr const char* kName = "/tmp";
  constexpr const char* kLoss = "a function gets half of its memory at most, and what it writes counts as memory: ";
  if (::geteuid() != 0) return {kName, State::Limited, std::string(kLoss) + "this is not root", "start Virga as root"};
  auto tried = try_disk();
  if (!tried) return {kName, State::Limited, kLoss + tried.error().message(), "see what the message names"};
  if (tried->empty()) return {kName, State::Ok, "a disk of its own where it is larger than half of the memory", ""};
  return {kName, State::Limited, kLoss + *tried,
          "give this machine loop devices (modprobe loop), mkfs.ext4 (package e2fsprogs) and space on its disk"};
}

// Gives waiting sandboxes an empty task, one after the other.
Result<std::vector<double>> bind_times(Helper::Privilege privilege) {
  constexpr std::uint64_t kBinds = 9;
  VIRGA_TRY_ASSIGN(auto folder, os::TemporaryDirectory::create());
  VIRGA_TRY_ASSIGN(auto helper, Helper::start({.state_directory = folder.path() + "/state",
                                               .privilege = privilege,
                                               .blanks = 1,
                                               .readable_folders = {folder.path()}}));
  std::vector<double> milliseconds;
  for (std::uint64_t id = 1; id <= kBinds; ++id) {
    Spec spec;
    spec.id = id;
    spec.arguments = {"/bin/sleep", "60"};
    spec.working_directory = "/";
    spec.stage = Stage::Stem;
    VIRGA_TRY(helper.start(spec, {}));
    VIRGA_TRY(wait_for<Started>(helper));
    auto begin = std::chrono::steady_clock::now();
    Binding binding;
    binding.id = id;
    binding.code_directory = folder.path();
    VIRGA_TRY(helper.bind(binding));
    VIRGA_TRY(wait_for<Bound>(helper));
    std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
    milliseconds.push_back(spent.count());
    VIRGA_TRY(helper.kill(id));
    VIRGA_TRY(wait_for<Ended>(helper));
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds;
}

// Starts empty sandboxes one after the other.
Result<std::vector<double>> start_times(Helper::Privilege privilege, std::uint32_t blanks) {
  constexpr int kStarts = 15;
  constexpr int kPause = 15;  // long enough for the next blank to be ready
  VIRGA_TRY_ASSIGN(auto folder, os::TemporaryDirectory::create());
  VIRGA_TRY_ASSIGN(
      auto helper,
      Helper::start({.state_directory = folder.path() + "/state", .privilege = privilege, .blanks = blanks}));
  std::vector<double> milliseconds;
  for (int id = 1; id <= kStarts; ++id) {
    ::poll(nullptr, 0, kPause);
    Spec spec;
    spec.id = static_cast<std::uint64_t>(id);
    spec.arguments = {"/bin/true"};
    spec.working_directory = "/";
    auto begin = std::chrono::steady_clock::now();
    VIRGA_TRY(helper.start(spec, {}));
    VIRGA_TRY(wait_for<Started>(helper));
    std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
    milliseconds.push_back(spent.count());
    VIRGA_TRY(wait_for<Ended>(helper));
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  return milliseconds;
}

Check start(const char* name, Helper::Privilege privilege, const std::string& loss) {
  if (privilege == Helper::Privilege::Root && ::geteuid() != 0) {
    return {name, State::Limited, "not tried: this is not root", "start Virga as root for limits on whole functions"};
  }
  auto ready = start_times(privilege, 2);
  auto fresh = ready ? start_times(privilege, 0) : Result<std::vector<double>>(std::unexpected(ready.error()));
  if (!fresh) return {name, State::Missing, fresh.error().message(), "see what the message names"};
  std::array<char, 160> text{};
  (void)std::snprintf(text.data(), text.size(), "%.1f ms (median) with a blank sandbox waiting, %.1f ms without",
                      (*ready)[ready->size() / 2], (*fresh)[fresh->size() / 2]);
  return {name, loss.empty() ? State::Ok : State::Limited, text.data() + loss, ""};
}

// What a stem's code costs to attach, and whether this machine lets the helper do it at all.
Check stems(const char* name, Helper::Privilege privilege) {
  if (privilege == Helper::Privilege::Root && ::geteuid() != 0)
    return {name, State::Limited, "not tried: this is not root", ""};
  auto times = bind_times(privilege);
  if (!times) {
    return {name, State::Limited, "off: " + times.error().message() + "; every first call starts its runtime",
            "see what the message names"};
  }
  std::array<char, 80> text{};
  (void)std::snprintf(text.data(), text.size(), "%.2f ms (median) to give a waiting runtime its function",
                      (*times)[times->size() / 2]);
  return {name, State::Ok, text.data(), ""};
}

}  // namespace

std::vector<Check> examine() {
  std::vector<Check> checks = {kernel(),   user_namespaces(), cgroups(), seccomp(),
                               landlock(), disks(),           egress(),  hyperthreads()};
  checks.push_back(start("start as root", Helper::Privilege::Root, ""));
  checks.push_back(start("start rootless", Helper::Privilege::Rootless,
                         "; without root all sandboxes share one host user, so it is for one tenant only"));
  checks.push_back(stems("stems as root", Helper::Privilege::Root));
  checks.push_back(stems("stems rootless", Helper::Privilege::Rootless));
  return checks;
}

}  // namespace virga::sandbox
