#include "virga/sandbox/spawn/layers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "virga/os/errno.h"
#include "virga/sandbox/spawn/mount.h"

namespace virga::sandbox::spawn {
namespace {

constexpr std::size_t kMostEntries = 256;

// One name in the top folders of the layers.
struct Entry {
  mode_t type = 0;
  std::vector<std::string> paths;  // the one on top first; several only of folders
  std::string target;              // of a symlink
};

std::string join(const std::string& folder, const std::string& name) {
  std::string path = folder;
  path += '/';
  path += name;
  return path;
}

Result<> list(const Roots& roots, const std::string& layer, std::map<std::string, Entry>& entries) {
  VIRGA_TRY_ASSIGN(auto place, roots.open_folder(layer, Access::ReadOnly));
  int readable = ::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = readable < 0 ? nullptr : ::fdopendir(readable);
  if (folder == nullptr) return os::fail_errno("open the folder", layer);
  Result<> done;
  while (dirent* item = ::readdir(folder)) {
    std::string name(item->d_name);
    if (name == "." || name == "..") continue;
    struct stat status{};
    if (::fstatat(::dirfd(folder), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      done = os::fail_errno("stat", join(layer, name));
      break;
    }
    mode_t type = status.st_mode & S_IFMT;
    auto [known, is_new] = entries.try_emplace(name);
    auto& entry = known->second;
    if (is_new) {
      entry.type = type;
      if (type == S_IFLNK) {
        char target[4096];
        ssize_t size = ::readlinkat(::dirfd(folder), item->d_name, target, sizeof(target));
        if (size > 0) entry.target.assign(target, static_cast<std::size_t>(size));
      }
    } else if (entry.type != S_IFDIR || type != S_IFDIR) {
      continue;  // covered by the later layer's
    }
    entry.paths.push_back(join(layer, name));
  }
  ::closedir(folder);
  if (done && entries.size() > kMostEntries) {
    return fail(ErrorCode::ResourceExhausted, "a stem takes layers with at most 256 entries in their top folders");
  }
  return done;
}

}  // namespace

Result<std::vector<LayerEntry>> prepare_layers(const Roots& roots, std::span<const std::string> layers,
                                               const std::string& folder) {
  std::map<std::string, Entry> entries;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) VIRGA_TRY(list(roots, *layer, entries));
  std::vector<LayerEntry> prepared;
  for (auto& [name, entry] : entries) {
    std::string place = join(folder, name);
    if (entry.type == S_IFLNK) {
      if (::symlink(entry.target.c_str(), place.c_str()) != 0) return os::fail_errno("symlink", place);
    } else if (entry.type == S_IFDIR) {
      if (::mkdir(place.c_str(), 0755) != 0) return os::fail_errno("mkdir", place);
      std::ranges::reverse(entry.paths);  // clone_layers wants the one on top last
      VIRGA_TRY_ASSIGN(auto tree, clone_layers(roots, entry.paths));
      prepared.push_back({name, std::move(tree)});
    } else if (entry.type == S_IFREG) {
      os::Descriptor made(::open(place.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
      if (!made.valid()) return os::fail_errno("create", place);
      VIRGA_TRY_ASSIGN(auto tree, clone_file(roots, entry.paths.front()));
      prepared.push_back({name, std::move(tree)});
    }
  }
  return prepared;
}

void remove_layer_folder(const std::string& folder) {
  if (DIR* open = ::opendir(folder.c_str())) {
    while (dirent* item = ::readdir(open)) {
      if (::unlinkat(::dirfd(open), item->d_name, 0) != 0) (void)::unlinkat(::dirfd(open), item->d_name, AT_REMOVEDIR);
    }
    ::closedir(open);
  }
  (void)::rmdir(folder.c_str());
}

}  // namespace virga::sandbox::spawn
