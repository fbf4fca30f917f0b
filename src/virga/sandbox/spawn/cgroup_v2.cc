#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "virga/os/errno.h"
#include "virga/sandbox/internal/cgroup_files.h"
#include "virga/sandbox/spawn/cgroup.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::string_view kDaemonGroup = "virga-daemon";

class GroupV2 final : public Cgroup {
 public:
  GroupV2(std::string path, os::Descriptor folder) : path_(std::move(path)), folder_(std::move(folder)) {}

  int clone_target() const override { return folder_.get(); }
  std::span<const os::Descriptor> join_files() const override { return {}; }

  Result<> set_limits(const Limits& limits) override {
    VIRGA_TRY(write("memory.max", std::to_string(limits.memory_bytes + kMemoryOverhead)));
    // Without swap accounting in the kernel the file is not there, and neither is the need for it.
    if (auto swap = write("memory.swap.max", "0"); !swap && swap.error().code() != ErrorCode::NotFound) return swap;
    VIRGA_TRY(write("memory.oom.group", "1"));
    VIRGA_TRY(write("pids.max", std::to_string(std::uint64_t(limits.processes) + 1)));
    auto weight = std::clamp<std::uint64_t>(limits.memory_bytes >> 20, 1, 10000);
    VIRGA_TRY(write("cpu.weight", std::to_string(weight)));
    cpu_start_ = cpu_time();
    if (limits.init_cpus > 0) return set_cpus(limits.init_cpus);
    return {};
  }

  void set_background() override { (void)write("cpu.weight", "16"); }
  void spare_others() override { (void)write("memory.oom.group", "0"); }

  Result<> set_cpus(double cpus) override {
    if (cpus <= 0) return write("cpu.max", "max");
    auto quota = std::max<std::uint64_t>(1000, static_cast<std::uint64_t>(cpus * kCpuPeriodMicroseconds));
    return write("cpu.max", std::to_string(quota) + " " + std::to_string(kCpuPeriodMicroseconds));
  }

  Result<> freeze() override { return write("cgroup.freeze", "1"); }
  Result<> thaw() override { return write("cgroup.freeze", "0"); }
  void kill() override { (void)write("cgroup.kill", "1"); }  // also ends frozen processes
  bool end_members() override {
    kill();
    return members_of(folder_.get()).empty();
  }
  Result<std::vector<os::Descriptor>> open_joins() const override {
    std::vector<os::Descriptor> joins;
    joins.emplace_back(::openat(folder_.get(), "cgroup.procs", O_WRONLY | O_CLOEXEC));
    if (!joins.back().valid()) return os::fail_errno("open cgroup.procs in", path_);
    return joins;
  }
  bool has(pid_t pid) const override {
    auto members = members_of(folder_.get());
    return std::find(members.begin(), members.end(), pid) != members.end();
  }

  CgroupUsage usage() const override {
    CgroupUsage usage;
    usage.memory_bytes = number("memory.current");
    // memory.peak came with Linux 5.19; before it, the largest of the samples is the best there is.
    peak_ = std::max({peak_, usage.memory_bytes, number("memory.peak")});
    usage.peak_memory_bytes = peak_;
    usage.cpu_time = cpu_time() - cpu_start_;
    auto processes = number("pids.current");
    usage.processes = static_cast<std::uint32_t>(processes > 0 ? processes - 1 : 0);  // without init
    usage.oom_kills =
        static_cast<std::uint32_t>(parse_field(read_control(folder_.get(), "memory.events"), "oom_kill").value_or(0));
    return usage;
  }

  bool remove() override { return ::rmdir(path_.c_str()) == 0 || errno == ENOENT; }

 private:
  Result<> write(const char* file, std::string_view value) const { return write_control(folder_.get(), file, value); }
  std::uint64_t number(const char* file) const { return parse_number(read_control(folder_.get(), file)).value_or(0); }
  std::chrono::microseconds cpu_time() const {
    return std::chrono::microseconds(parse_field(read_control(folder_.get(), "cpu.stat"), "usage_usec").value_or(0));
  }

  std::string path_;
  os::Descriptor folder_;
  std::chrono::microseconds cpu_start_{};
  mutable std::uint64_t peak_ = 0;
};

class GroupsV2 final : public Cgroups {
 public:
  explicit GroupsV2(std::string path) : path_(std::move(path)) {}

  Result<std::unique_ptr<Cgroup>> create(std::string_view name) override {
    return create_group_v2(path_ + "/" + std::string(name));
  }
  void remove() override { (void)remove_leftovers(path_); }

 private:
  std::string path_;
};

// A group below the root that hands controllers down may have no processes itself (cgroup-v2.rst, "No Internal Process
// Constraint"), so the daemon, this helper and whoever else is in `own` move into a leaf beside the sandboxes.
Result<> empty_into_leaf(const std::string& own) {
  std::string leaf = own + "/" + std::string(kDaemonGroup);
  if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return os::fail_errno("mkdir", leaf);
  os::Descriptor source(::open(own.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  os::Descriptor target(::open(leaf.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source.valid() || !target.valid()) return os::fail_errno("open", leaf);
  for (pid_t pid : members_of(source.get())) {
    // A process that is gone by now is no failure.
    (void)write_control(target.get(), "cgroup.procs", std::to_string(pid));
  }
  return {};
}

// systemd marks the groups whose inside it leaves to others (systemd.resource-control(5), Delegate=).
bool is_delegated(const std::string& directory) {
  char value[4] = {};
  for (const char* mark : {"trusted.delegate", "user.delegate"}) {
    if (::getxattr(directory.c_str(), mark, value, sizeof(value)) > 0 && value[0] == '1') return true;
  }
  return false;
}

// Where the groups of this daemon may go, best first. `top` is where the hierarchy is mounted, `own` the group of this
// process below it.
std::vector<std::string> candidates(const std::string& top, const std::string& own) {
  if (own == top || ::geteuid() != 0) return {own};
  // A session's or an ordinary unit's group is its manager's: it seldom has the cpu controller, and the processes of
  // whoever typed the command would have to leave it. Root makes a group of its own beside the manager's instead.
  if (!is_delegated(own)) return {top, own};
  return {own, top};
}

// The parent of all sandboxes below `base`, with the controllers handed down to it.
Result<std::string> make_parent(const std::string& base, std::string_view name) {
  os::Descriptor folder(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return os::fail_errno("open", base);
  std::string available = read_control(folder.get(), "cgroup.controllers");
  for (const char* controller : {"memory", "pids", "cpu"}) {
    if (!has_word(available, controller)) {
      return fail(ErrorCode::NotFound,
                  std::string("cgroup v2 controller ") + controller + " is not available in " + base);
    }
  }
  constexpr std::string_view kEnable = "+memory +pids +cpu";
  if (!write_control(folder.get(), "cgroup.subtree_control", kEnable)) {
    VIRGA_TRY(empty_into_leaf(base));
    VIRGA_TRY(write_control(folder.get(), "cgroup.subtree_control", kEnable));
  }
  std::string path = base + "/" + std::string(name);
  VIRGA_TRY(remove_leftovers(path));
  if (::mkdir(path.c_str(), 0755) != 0) return os::fail_errno("mkdir", path);
  os::Descriptor parent(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.valid()) return os::fail_errno("open", path);
  VIRGA_TRY(write_control(parent.get(), "cgroup.subtree_control", kEnable));
  return path;
}

}  // namespace

Result<std::unique_ptr<Cgroup>> create_group_v2(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0) return os::fail_errno("mkdir", path);
  os::Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return os::fail_errno("open", path);
  return std::make_unique<GroupV2>(path, std::move(folder));
}

Result<std::unique_ptr<Cgroups>> open_cgroups_v2(std::string_view mountinfo, std::string_view own,
                                                 std::string_view name) {
  auto mounts = parse_cgroup_mounts(mountinfo);
  auto mount = std::find_if(mounts.begin(), mounts.end(), [](const CgroupMount& candidate) { return candidate.v2; });
  if (mount == mounts.end()) return fail(ErrorCode::NotFound, "cgroup v2 is not mounted");
  std::string relative = parse_own_cgroup(own, "").value_or("/");
  // After an earlier start the daemon is in the leaf; the sandboxes go beside it, not below it.
  if (relative.ends_with("/" + std::string(kDaemonGroup))) relative.resize(relative.size() - kDaemonGroup.size() - 1);
  std::string base = relative == "/" ? mount->path : mount->path + relative;
  if (::access(base.c_str(), F_OK) != 0) base = mount->path;

  std::optional<Error> refused;
  for (const auto& candidate : candidates(mount->path, base)) {
    auto parent = make_parent(candidate, name);
    if (parent) return std::make_unique<GroupsV2>(std::move(*parent));
    if (!refused) refused = std::move(parent.error());
  }
  return fail(std::move(*refused));
}

}  // namespace virga::sandbox::spawn
