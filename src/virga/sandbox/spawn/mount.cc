#include "virga/sandbox/spawn/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "virga/base/problems.h"
#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::uint64_t kReadOnly = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// Makes a file system of this type that is mounted nowhere yet.
class NewFileSystem {
 public:
  explicit NewFileSystem(const char* type) : type_(type), context_(::fsopen(type, FSOPEN_CLOEXEC)) {}
  NewFileSystem& set(const char* key, const char* value) {
    if (context_.valid() && ::fsconfig(context_.get(), FSCONFIG_SET_STRING, key, value, 0) != 0) {
      auto error = os::errno_error(std::string("set ") + key + "=" + value + " on", type_);
      if (!failure_) failure_ = std::move(error);
    }
    return *this;
  }
  Result<os::Descriptor> mount(unsigned attributes) {
    if (failure_) return fail(std::move(*failure_));
    if (!context_.valid()) return os::fail_errno("fsopen", type_);
    if (::fsconfig(context_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
      return os::fail_errno("create", type_);
    os::Descriptor tree(::fsmount(context_.get(), FSMOUNT_CLOEXEC, attributes));
    if (!tree.valid()) return os::fail_errno("fsmount", type_);
    return tree;
  }

 private:
  const char* type_;
  os::Descriptor context_;
  std::optional<Error> failure_;
};

Result<> hide(const char* with, const std::string& path) {
  // ENOENT: a kernel module's entry that went since the list was made.
  if (::mount(with, path.c_str(), nullptr, MS_BIND, nullptr) != 0 && errno != ENOENT)
    return os::fail_errno("hide", path);
  return {};
}

}  // namespace

Result<os::Descriptor> clone_folder(const Roots& roots, const std::string& path, Access access) {
  VIRGA_TRY_ASSIGN(os::Descriptor folder, roots.open_folder(path, access));
  os::Descriptor tree(
      ::open_tree(folder.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return os::fail_errno("open_tree", path);
  mount_attr wanted{};
  wanted.attr_set = access == Access::ReadOnly ? kReadOnly : kReadOnly & ~std::uint64_t(MOUNT_ATTR_RDONLY);
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &wanted, sizeof(wanted)) != 0) {
    return os::fail_errno("mount_setattr", path);
  }
  return tree;
}

Result<os::Descriptor> clone_file(const Roots& roots, const std::string& path) {
  VIRGA_TRY_ASSIGN(os::Descriptor file, roots.open_file(path));
  os::Descriptor tree(::open_tree(file.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.valid()) return os::fail_errno("open_tree", path);
  mount_attr wanted{};
  wanted.attr_set = kReadOnly;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) != 0) {
    return os::fail_errno("mount_setattr", path);
  }
  return tree;
}

Result<os::Descriptor> clone_layers(const Roots& roots, std::span<const std::string> paths) {
  if (paths.size() == 1) return clone_folder(roots, paths.front(), Access::ReadOnly);
  std::vector<os::Descriptor> folders;
  std::string lower;  // the first one is on top
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    VIRGA_TRY_ASSIGN(os::Descriptor folder, roots.open_folder(*path, Access::ReadOnly));
    if (!lower.empty()) lower += ':';
    lower += "/proc/self/fd/" + std::to_string(folder.get());
    folders.push_back(std::move(folder));
  }
  return NewFileSystem("overlay").set("lowerdir", lower.c_str()).mount(kReadOnly);
}

Result<> attach(const os::Descriptor& tree, const char* path) {
  if (::move_mount(tree.get(), "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) != 0)
    return os::fail_errno("move_mount", path);
  return {};
}

Result<> enter_root(const os::Descriptor& tree) {
  VIRGA_TRY(attach(tree, "/"));
  if (::fchdir(tree.get()) != 0) return os::fail_errno("fchdir");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return os::fail_errno("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return os::fail_errno("umount the old root");
  if (::chdir("/") != 0) return os::fail_errno("chdir /");
  return {};
}

Result<os::Descriptor> make_proc() {
  auto proc =
      NewFileSystem("proc").set("hidepid", "invisible").mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  // The kernel does not let a user namespace see through a new /proc what the old one hides.
  if (!proc && proc.error().code() == ErrorCode::PermissionDenied) {
    return fail(
        problem::kProcHidden,
        "this machine's /proc is partly hidden, so sandboxes cannot have their own; in a container, start it with "
        "--security-opt systempaths=unconfined (Docker, Podman) or procMount: Unmasked (Kubernetes)");
  }
  return proc;
}

Result<> mount_own_file_systems(const Workshop& workshop, const os::Descriptor& proc) {
  // What stands in for the host's own lies below the mount point and has to be picked up first.
  constexpr std::array kStandIns = {"/proc/cpuinfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/sys"};
  std::array<os::Descriptor, kStandIns.size()> stand_ins;
  for (std::size_t i = 0; i < kStandIns.size(); ++i) {
    stand_ins[i] = os::Descriptor(::open_tree(AT_FDCWD, kStandIns[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!stand_ins[i].valid()) return os::fail_errno("open_tree", kStandIns[i]);
  }
  VIRGA_TRY(attach(proc, "/proc"));
  os::Descriptor uuid(::open_tree(AT_FDCWD, "/proc/sys/kernel/random/uuid", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!uuid.valid()) return os::fail_errno("open_tree", "/proc/sys/kernel/random/uuid");
  for (std::size_t i = 0; i < kStandIns.size(); ++i) VIRGA_TRY(attach(stand_ins[i], kStandIns[i]));
  VIRGA_TRY(attach(uuid, "/proc/sys/kernel/random/uuid"));
  for (const auto& path : workshop.hidden_files()) VIRGA_TRY(hide(kHidingFile, path));
  for (const auto& path : workshop.hidden_folders()) VIRGA_TRY(hide(kHidingFolder, path));

  VIRGA_TRY_ASSIGN(auto shared, make_shared_memory());
  return attach(shared, "/dev/shm");
}

namespace {

NewFileSystem new_tmpfs(const char* size, const char* inodes, std::optional<std::uint32_t> owner) {
  NewFileSystem made("tmpfs");
  made.set("size", size).set("nr_inodes", inodes).set("mode", "1777");
  if (owner) {
    std::string id = std::to_string(*owner);
    made.set("uid", id.c_str()).set("gid", id.c_str());
  }
  return made;
}

}  // namespace

Result<os::Descriptor> make_shared_memory(std::optional<std::uint32_t> owner) {
  return new_tmpfs("16m", "4096", owner).mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

Result<os::Descriptor> make_tmp(std::uint64_t bytes, std::optional<std::uint32_t> owner) {
  return new_tmpfs(std::to_string(bytes).c_str(), "16384", owner).mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

Result<os::Descriptor> clone_own_root() {
  os::Descriptor tree(::open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree.valid()) return os::fail_errno("open_tree", "/");
  return tree;
}

Result<> mount_tmp(std::uint64_t bytes) {
  VIRGA_TRY_ASSIGN(auto tmp, make_tmp(bytes));
  return attach(tmp, "/tmp");
}

Result<> resize_tmp(std::uint64_t bytes) {
  os::Descriptor tmp(::fspick(AT_FDCWD, "/tmp", FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW));
  if (!tmp.valid()) return os::fail_errno("fspick", "/tmp");
  if (::fsconfig(tmp.get(), FSCONFIG_SET_STRING, "size", std::to_string(bytes).c_str(), 0) != 0 ||
      ::fsconfig(tmp.get(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) != 0) {
    return os::fail_errno("set the size of", "/tmp");
  }
  return {};
}

}  // namespace virga::sandbox::spawn
