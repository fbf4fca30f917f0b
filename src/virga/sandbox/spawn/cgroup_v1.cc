#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "virga/os/errno.h"
#include "virga/sandbox/internal/cgroup_files.h"
#include "virga/sandbox/spawn/cgroup.h"

namespace virga::sandbox::spawn {
namespace {

// The v1 controllers a sandbox is in. Several may share one hierarchy ("cpu,cpuacct").
enum Controller : std::size_t { Memory, Pids, Cpu, CpuAccounting, Freezer, Controllers };
constexpr std::array<const char*, Controllers> kNames = {"memory", "pids", "cpu", "cpuacct", "freezer"};

// Where a process of one thread joins by writing "0". Through cgroup.procs it could not be told from one of many
// threads, and would wait some 10 ms for the kernel's readers, with the lock of all groups held.
constexpr const char* kJoin = "tasks";

// The parent folder of all sandboxes in each hierarchy.
struct Hierarchies {
  std::vector<std::string> directories;
  std::array<std::size_t, Controllers> of{};  // which directory serves which controller

  // Ends and removes what is in them. The freezer's first: what is frozen dies of nothing, whichever group it is killed
  // in.
  Result<> clear() const {
    VIRGA_TRY(remove_leftovers(directories[of[Freezer]]));
    for (const auto& path : directories) VIRGA_TRY(remove_leftovers(path));
    return {};
  }
};

class GroupV1 final : public Cgroup {
 public:
  static Result<std::unique_ptr<Cgroup>> create(const Hierarchies& parents, std::string_view name) {
    auto group = std::unique_ptr<GroupV1>(new GroupV1(parents));
    for (const auto& parent : parents.directories) {
      std::string path = parent + "/" + std::string(name);
      if (::mkdir(path.c_str(), 0755) != 0) {
        auto failure = os::fail_errno("mkdir", path);
        group->remove();
        return failure;
      }
      group->paths_.push_back(path);
      group->folders_.emplace_back(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      group->joins_.emplace_back(::openat(group->folders_.back().get(), kJoin, O_WRONLY | O_CLOEXEC));
      if (!group->joins_.back().valid()) {
        auto failure = os::fail_errno("open tasks in", path);
        group->remove();
        return failure;
      }
    }
    return group;
  }

  int clone_target() const override { return -1; }
  std::span<const os::Descriptor> join_files() const override { return joins_; }

  Result<> set_limits(const Limits& limits) override {
    joins_.clear();  // the child is in; from here on nobody else joins
    std::string memory = std::to_string(limits.memory_bytes + kMemoryOverhead);
    VIRGA_TRY(write_control(folder(Memory), "memory.limit_in_bytes", memory));
    // Without swap accounting in the kernel the file is not there, and neither is the need for it.
    if (auto swap = write_control(folder(Memory), "memory.memsw.limit_in_bytes", memory);
        !swap && swap.error().code() != ErrorCode::NotFound) {
      return swap;
    }
    VIRGA_TRY(write_control(folder(Memory), "memory.swappiness", "0"));
    VIRGA_TRY(write_control(folder(Memory), "memory.max_usage_in_bytes", "0"));
    VIRGA_TRY(write_control(folder(Pids), "pids.max", std::to_string(std::uint64_t(limits.processes) + 1)));
    auto shares = std::clamp<std::uint64_t>(limits.memory_bytes >> 20, 2, 262144);
    VIRGA_TRY(write_control(folder(Cpu), "cpu.shares", std::to_string(shares)));
    cpu_start_ = cpu_time();
    if (limits.init_cpus > 0) return set_cpus(limits.init_cpus);
    return {};
  }

  void set_background() override { (void)write_control(folder(Cpu), "cpu.shares", "16"); }
  void spare_others() override {}  // v1 ends one at a time anyway

  Result<> set_cpus(double cpus) override {
    if (cpus <= 0) return write_control(folder(Cpu), "cpu.cfs_quota_us", "-1");
    VIRGA_TRY(write_control(folder(Cpu), "cpu.cfs_period_us", std::to_string(kCpuPeriodMicroseconds)));
    auto quota = std::max<std::uint64_t>(1000, static_cast<std::uint64_t>(cpus * kCpuPeriodMicroseconds));
    return write_control(folder(Cpu), "cpu.cfs_quota_us", std::to_string(quota));
  }

  Result<> freeze() override {
    is_frozen_ = true;
    return write_control(folder(Freezer), "freezer.state", "FROZEN");
  }
  Result<> thaw() override {
    is_frozen_ = false;
    return write_control(folder(Freezer), "freezer.state", "THAWED");
  }
  // A frozen process of v1 does not die before it thaws. The kill itself is that of the pid namespace's first process,
  // which the kernel follows with all others, even in the middle of a fork bomb; no list of pids is read.
  void kill() override {
    if (is_frozen_) (void)thaw();
  }

  // What is frozen cannot end, nor can its children be elsewhere, so a number that is still listed after it was opened
  // stands for the process that was listed.
  bool end_members() override {
    (void)freeze();
    std::vector<std::pair<pid_t, os::Descriptor>> listed;
    for (pid_t pid : members_of(folder(Freezer))) {
      listed.emplace_back(pid, os::Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
    }
    auto still = members_of(folder(Freezer));
    for (const auto& [pid, process] : listed) {
      if (std::find(still.begin(), still.end(), pid) == still.end()) continue;
      (void)::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
    }
    (void)thaw();
    return still.empty();
  }

  Result<std::vector<os::Descriptor>> open_joins() const override {
    std::vector<os::Descriptor> joins;
    for (std::size_t i = 0; i < folders_.size(); ++i) {
      joins.emplace_back(::openat(folders_[i].get(), kJoin, O_WRONLY | O_CLOEXEC));
      if (!joins.back().valid()) return os::fail_errno("open tasks in", paths_[i]);
    }
    return joins;
  }

  bool has(pid_t pid) const override {
    return std::all_of(folders_.begin(), folders_.end(), [&](const os::Descriptor& folder) {
      auto members = members_of(folder.get());
      return std::find(members.begin(), members.end(), pid) != members.end();
    });
  }

  CgroupUsage usage() const override {
    CgroupUsage usage;
    usage.memory_bytes = number(Memory, "memory.usage_in_bytes");
    usage.peak_memory_bytes = number(Memory, "memory.max_usage_in_bytes");
    usage.cpu_time = cpu_time() - cpu_start_;
    auto processes = number(Pids, "pids.current");
    usage.processes = static_cast<std::uint32_t>(processes > 0 ? processes - 1 : 0);  // without init
    usage.oom_kills = static_cast<std::uint32_t>(
        parse_field(read_control(folder(Memory), "memory.oom_control"), "oom_kill").value_or(0));
    return usage;
  }

  bool remove() override {
    joins_.clear();
    folders_.clear();
    std::erase_if(paths_, [](const std::string& path) { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; });
    return paths_.empty();
  }

 private:
  explicit GroupV1(const Hierarchies& parents) : of_(parents.of) {}
  int folder(Controller controller) const {
    std::size_t index = of_[controller];
    return index < folders_.size() ? folders_[index].get() : -1;
  }
  std::uint64_t number(Controller controller, const char* file) const {
    return parse_number(read_control(folder(controller), file)).value_or(0);
  }
  std::chrono::microseconds cpu_time() const {
    return std::chrono::microseconds(number(CpuAccounting, "cpuacct.usage") / 1000);
  }

  std::array<std::size_t, Controllers> of_;
  std::vector<std::string> paths_;
  std::vector<os::Descriptor> folders_;
  std::vector<os::Descriptor> joins_;
  std::chrono::microseconds cpu_start_{};
  bool is_frozen_ = false;
};

class GroupsV1 final : public Cgroups {
 public:
  explicit GroupsV1(Hierarchies hierarchies) : hierarchies_(std::move(hierarchies)) {}
  Result<std::unique_ptr<Cgroup>> create(std::string_view name) override { return GroupV1::create(hierarchies_, name); }
  void remove() override { (void)hierarchies_.clear(); }

 private:
  Hierarchies hierarchies_;
};

}  // namespace

Result<std::unique_ptr<Cgroups>> open_cgroups_v1(std::string_view mountinfo, std::string_view own,
                                                 std::string_view name) {
  Hierarchies hierarchies;
  auto mounts = parse_cgroup_mounts(mountinfo);
  for (std::size_t i = 0; i < Controllers; ++i) {
    auto mount = std::find_if(mounts.begin(), mounts.end(), [&](const CgroupMount& candidate) {
      return !candidate.v2 && std::find(candidate.controllers.begin(), candidate.controllers.end(), kNames[i]) !=
                                  candidate.controllers.end();
    });
    if (mount == mounts.end()) {
      return fail(ErrorCode::NotFound, std::string("cgroup v1 controller ") + kNames[i] + " is not mounted");
    }
    std::string path = mount->path + parse_own_cgroup(own, kNames[i]).value_or("");
    // In a container the path is that of the host, and what is mounted is the container's own part.
    if (::access(path.c_str(), F_OK) != 0) path = mount->path;
    if (path.back() != '/') path += '/';
    path += name;
    auto known = std::find(hierarchies.directories.begin(), hierarchies.directories.end(), path);
    hierarchies.of[i] = static_cast<std::size_t>(known - hierarchies.directories.begin());
    if (known == hierarchies.directories.end()) hierarchies.directories.push_back(path);
  }
  VIRGA_TRY(hierarchies.clear());
  for (const auto& path : hierarchies.directories) {
    if (::mkdir(path.c_str(), 0755) != 0) return os::fail_errno("mkdir", path);
  }
  return std::make_unique<GroupsV1>(std::move(hierarchies));
}

}  // namespace virga::sandbox::spawn
