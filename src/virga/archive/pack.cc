#include "virga/archive/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <memory>
#include <vector>

#include "virga/archive/internal/file_handle.h"
#include "virga/archive/internal/names.h"
#include "virga/archive/zip_writer.h"
#include "virga/base/problems.h"

namespace virga::archive {

namespace {

using internal::fail_call;
using internal::FileHandle;

Result<std::vector<std::string>> sorted_names(FileHandle directory, std::string_view path) {
  auto close = [](DIR* d) { ::closedir(d); };
  std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(directory.get()), close);
  if (!stream) return fail_call("list folder", path);
  (void)directory.release();  // the stream's now
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) {
      if (errno != 0) return fail_call("list folder", path);
      break;
    }
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

class Packing {
 public:
  Packing(const std::function<bool(std::string_view)>& skip, const Limits& limits)
      : skip_(skip), limits_(limits), writer_(limits) {}

  Result<> add_directory(int parent, const std::string& name, const std::string& path) {
    FileHandle directory(
        ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (path.empty() ? 0 : O_NOFOLLOW)));
    if (!directory.valid()) return fail_call("open folder", path.empty() ? name : path);
    FileHandle listed(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!listed.valid()) return fail_call("open folder", path.empty() ? name : path);
    VIRGA_TRY_ASSIGN(std::vector<std::string> names, sorted_names(std::move(listed), path));
    if (names.empty() && !path.empty()) return writer_.add_directory(path);
    for (const std::string& child : names) {
      std::string child_path = path;
      if (!path.empty()) child_path += '/';
      child_path += child;
      if (skip_ && skip_(child_path)) continue;
      VIRGA_TRY(add(directory.get(), child, child_path));
    }
    return {};
  }

  Result<std::string> finish() { return std::move(writer_).finish(); }

 private:
  Result<> add(int parent, const std::string& name, const std::string& path) {
    struct stat status{};
    if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return fail_call("look at", path);
    // The writer judges names as well; here it also ends the descent into a tree without end.
    VIRGA_TRY(internal::check_name(path, limits_));
    if (S_ISDIR(status.st_mode)) return add_directory(parent, name, path);
    if (S_ISREG(status.st_mode)) return add_file(parent, name, path, status);
    if (S_ISLNK(status.st_mode)) return add_symlink(parent, name, path);
    return internal::refuse(problem::kArchiveEntryKind, path,
                            "it is a device, a pipe or a socket; a package holds files, folders and symlinks");
  }

  Result<> add_file(int parent, const std::string& name, const std::string& path, const struct stat& status) {
    if (static_cast<std::uint64_t>(status.st_size) > limits_.unpacked_bytes) {
      return internal::refuse(problem::kArchiveTooLarge, path,
                              fmt::format("it is {} bytes, a whole package may be {}; leave it out", status.st_size,
                                          limits_.unpacked_bytes));
    }
    FileHandle file(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.valid()) return fail_call("open", path);
    std::string content;
    char buffer[65536];
    while (true) {
      ssize_t count = ::read(file.get(), buffer, sizeof(buffer));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_call("read", path);
      if (count == 0) break;
      content.append(buffer, static_cast<std::size_t>(count));
      if (content.size() > limits_.unpacked_bytes) {
        return internal::refuse(problem::kArchiveTooLarge, path,
                                "it grows while it is packed; wait until nothing writes to it");
      }
    }
    return writer_.add_file(path, content,
                            (status.st_mode & 0111) != 0 ? ZipWriter::Executable::Yes : ZipWriter::Executable::No);
  }

  Result<> add_symlink(int parent, const std::string& name, const std::string& path) {
    char target[PATH_MAX];
    ssize_t size = ::readlinkat(parent, name.c_str(), target, sizeof(target));
    if (size < 0) return fail_call("read symlink", path);
    return writer_.add_symlink(path, std::string_view(target, static_cast<std::size_t>(size)));
  }

  const std::function<bool(std::string_view)>& skip_;
  Limits limits_;
  ZipWriter writer_;
};

}  // namespace

Result<std::string> pack_directory(const std::string& path, const std::function<bool(std::string_view)>& skip,
                                   const Limits& limits) {
  Packing packing(skip, limits);
  VIRGA_TRY(packing.add_directory(AT_FDCWD, path, ""));
  return packing.finish();
}

}  // namespace virga::archive
