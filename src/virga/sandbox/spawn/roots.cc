#include "virga/sandbox/spawn/roots.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "virga/os/errno.h"

namespace virga::sandbox::spawn {
namespace {

// `kind` is O_DIRECTORY, or 0 for any file.
Result<os::Descriptor> resolve(int base, const std::string& name, int kind, std::uint64_t limits,
                               const std::string& subject) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(O_PATH | O_CLOEXEC | kind);
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | limits;
  os::Descriptor folder(static_cast<int>(::syscall(SYS_openat2, base, name.c_str(), &how, sizeof(how))));
  if (folder.valid()) return folder;
  if (errno == ELOOP) {
    return fail(ErrorCode::InvalidArgument, "a part of " + subject + " is a symlink; name the folder by its real path");
  }
  if (errno == EXDEV) return fail(ErrorCode::InvalidArgument, subject + " leads out of its folder");
  return os::fail_errno(kind == O_DIRECTORY ? "open the folder" : "open", subject);
}

// What is left of `path` below `root`; "." for the root itself. nullopt: it is not below it.
std::optional<std::string> below(const std::string& root, const std::string& path) {
  if (path == root) return ".";
  std::string prefix = root == "/" ? root : root + "/";
  if (!path.starts_with(prefix)) return std::nullopt;
  std::string rest = path.substr(prefix.size());
  // Nothing absolute may be left over; what else is odd in it, the kernel refuses.
  if (rest.empty() || rest.front() == '/') return std::nullopt;
  return rest;
}

}  // namespace

Result<Roots> Roots::open(std::span<const Folder> folders) {
  Roots roots;
  for (const auto& folder : folders) {
    if (folder.path.empty() || folder.path.front() != '/') {
      return fail(ErrorCode::InvalidArgument, "a folder for sandboxes must have an absolute path: " + folder.path);
    }
    VIRGA_TRY_ASSIGN(auto descriptor, resolve(AT_FDCWD, folder.path, O_DIRECTORY, 0, folder.path));
    struct stat status{};
    if (::fstat(descriptor.get(), &status) != 0) return os::fail_errno("stat", folder.path);
    roots.roots_.push_back({folder, std::move(descriptor), status.st_dev, status.st_ino});
  }
  return roots;
}

Result<Roots> Roots::open_again() const {
  std::vector<Folder> folders;
  folders.reserve(roots_.size());
  for (const auto& root : roots_) folders.push_back(root.folder);
  VIRGA_TRY_ASSIGN(auto again, open(folders));
  for (std::size_t i = 0; i < roots_.size(); ++i) {
    if (again.roots_[i].device != roots_[i].device || again.roots_[i].inode != roots_[i].inode) {
      return fail(ErrorCode::Conflict,
                  roots_[i].folder.path + " is another folder than when Virga was started: start Virga again");
    }
  }
  return again;
}

Result<os::Descriptor> Roots::open_folder(const std::string& path, Access access) const {
  return open_below(path, access, O_DIRECTORY);
}

Result<os::Descriptor> Roots::open_file(const std::string& path) const {
  return open_below(path, Access::ReadOnly, 0);
}

Result<os::Descriptor> Roots::open_below(const std::string& path, Access access, int kind) const {
  for (const auto& root : roots_) {
    if (access == Access::ReadWrite && root.folder.access != Access::ReadWrite) continue;
    if (auto rest = below(root.folder.path, path)) {
      return resolve(root.descriptor.get(), *rest, kind, RESOLVE_BENEATH, path);
    }
  }
  return fail(ErrorCode::PermissionDenied, "sandboxes may not " +
                                               std::string(access == Access::ReadWrite ? "write" : "read") + " " +
                                               path + ": it lies outside of the folders that Virga was started with");
}

}  // namespace virga::sandbox::spawn
