#include "virga/archive/compare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>

#include "virga/archive/internal/file_handle.h"
#include "virga/archive/zip.h"

namespace virga::archive {

namespace {

using internal::FileHandle;

bool has_checksum(const FileHandle& file, std::uint32_t expected) {
  std::array<unsigned char, 65536> part;
  uLong sum = ::crc32(0, nullptr, 0);
  while (true) {
    ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return sum == expected;
    sum = ::crc32(sum, part.data(), static_cast<uInt>(count));
  }
}

bool is_file(const std::string& path, const Entry& entry) {
  FileHandle file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<std::uint64_t>(status.st_size) != entry.size) return false;
  if (((status.st_mode & S_IXUSR) != 0) != entry.executable) return false;
  return has_checksum(file, entry.crc32);
}

bool is_symlink(const std::string& path, const Entry& entry) {
  std::string target(entry.target.size() + 1, '\0');
  ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size >= 0 && target.substr(0, static_cast<std::size_t>(size)) == entry.target;
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_as_in(const Entry& entry, const std::string& path) {
  switch (entry.kind) {
    case EntryKind::File:
      return is_file(path, entry);
    case EntryKind::Symlink:
      return is_symlink(path, entry);
    case EntryKind::Directory:
      return is_directory(path);
  }
  return false;
}

}  // namespace

Result<std::optional<std::string>> find_difference(std::string_view zip, const std::string& directory,
                                                   const Limits& limits) {
  VIRGA_TRY_ASSIGN(auto listing, inspect(zip, limits));
  for (auto& entry : listing.entries) {
    if (!is_as_in(entry, directory + "/" + entry.name)) return std::optional<std::string>(std::move(entry.name));
  }
  return std::optional<std::string>();
}

}  // namespace virga::archive
