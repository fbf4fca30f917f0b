#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "virga/os/errno.h"
#include "virga/sandbox/spawn/mount.h"

namespace virga::sandbox::spawn {
namespace {

// A user namespace that says: the folder's owner on disk is the sandbox's user. It only exists to be named.
Result<os::Descriptor> make_mapping(std::uint32_t user, std::uint32_t group, std::uint32_t host_id) {
  int gate[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return os::fail_errno("pipe");
  os::Descriptor reader(gate[0]);
  os::Descriptor writer(gate[1]);
  pid_t holder = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (holder < 0) return os::fail_errno("clone a user namespace");
  if (holder == 0) {
    writer.reset();
    char byte;
    (void)!::read(reader.get(), &byte, 1);
    ::_exit(0);
  }
  std::string proc = "/proc/" + std::to_string(holder);
  auto prepare = [&]() -> Result<os::Descriptor> {
    struct Map {
      const char* file;
      std::uint32_t owner;
    };
    for (auto [file, owner] : {Map{"/uid_map", user}, Map{"/gid_map", group}}) {
      std::string line = std::to_string(owner) + " " + std::to_string(host_id) + " 1\n";
      os::Descriptor map(::open((proc + file).c_str(), O_WRONLY | O_CLOEXEC));
      if (!map.valid() || ::write(map.get(), line.data(), line.size()) < 0) return os::fail_errno("write", proc + file);
    }
    os::Descriptor space(::open((proc + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    if (!space.valid()) return os::fail_errno("open", proc + "/ns/user");
    return space;
  };
  auto space = prepare();
  writer.reset();
  ::waitpid(holder, nullptr, 0);
  return space;
}

// What belongs to somebody else (a hard link made meanwhile, say) keeps its owner; no symlink is followed.
void take_back_below(int parent, const char* name, const LentFolder& lent, int depth) {
  constexpr int kDeepest = 256;
  struct stat status{};
  if (depth > kDeepest || ::fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    const char* opened = *name == '\0' ? "." : name;
    int folder = ::openat(parent, opened, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return;
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder), &::closedir);
    while (dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
      std::string_view child(entry->d_name);
      if (child != "." && child != "..") take_back_below(folder, entry->d_name, lent, depth + 1);
    }
  }
  if (status.st_uid != lent.host_id) return;
  (void)::fchownat(parent, name, lent.owner, lent.group, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
}

}  // namespace

Result<std::optional<LentFolder>> lend_folder(const std::string& path, os::Descriptor& tree, std::uint32_t owner,
                                              std::uint32_t host_id) {
  struct stat status{};
  if (::fstat(tree.get(), &status) != 0) return os::fail_errno("stat", path);
  if (status.st_uid != owner) {
    return fail(ErrorCode::PermissionDenied, path + " belongs to user " + std::to_string(status.st_uid) +
                                                 ", and sandboxes write for user " + std::to_string(owner) + " only");
  }
  if (owner == host_id) return std::nullopt;
  VIRGA_TRY_ASSIGN(auto space, make_mapping(status.st_uid, status.st_gid, host_id));
  mount_attr wanted{};
  wanted.attr_set = MOUNT_ATTR_IDMAP;
  wanted.userns_fd = static_cast<std::uint64_t>(space.get());
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &wanted, sizeof(wanted)) == 0) return std::nullopt;
  // A file system that cannot map ids: the folder itself changes hands until the sandbox has ended.
  LentFolder lent{os::Descriptor(::openat(tree.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), owner, status.st_gid,
                  host_id};
  if (!lent.folder.valid()) return os::fail_errno("open", path);
  if (::fchown(lent.folder.get(), host_id, host_id) != 0) return os::fail_errno("chown", path);
  return lent;
}

void take_back(const LentFolder& lent) {
  take_back_below(lent.folder.get(), "", lent, 0);
}

}  // namespace virga::sandbox::spawn
