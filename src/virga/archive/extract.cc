#include "virga/archive/extract.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "virga/archive/internal/bytes.h"
#include "virga/archive/internal/file_handle.h"
#include "virga/base/encoding.h"
#include "virga/base/hash.h"

namespace virga::archive {

namespace {

using internal::fail_call;
using internal::FileHandle;

// So that a folder's content follows it at once: '/' orders before every other byte.
bool comes_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(
      a, b, {}, [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); },
      [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c); });
}

class Extraction {
 public:
  Extraction(std::string_view zip, int root) : zip_(zip), root_(root) {}

  Result<> add(const Entry& entry) {
    std::size_t slash = entry.name.rfind('/');
    std::string_view parent =
        slash == std::string::npos ? std::string_view() : std::string_view(entry.name).substr(0, slash);
    std::string leaf = slash == std::string::npos ? entry.name : entry.name.substr(slash + 1);
    VIRGA_TRY(enter(parent));
    switch (entry.kind) {
      case EntryKind::Directory:
        return enter(entry.name);
      case EntryKind::Symlink:
        return add_symlink(entry, leaf);
      case EntryKind::File:
        return add_file(entry, leaf);
    }
    return {};
  }

  Extracted finish() {
    extracted_.tree_hash = to_hex(hash_.finish());
    return std::move(extracted_);
  }

 private:
  struct Level {
    std::string path;  // from the root
    FileHandle directory;
  };

  int current() const { return levels_.empty() ? root_ : levels_.back().directory.get(); }

  // Makes `path` the current folder. Entries come in an order in which a folder, once left, is not entered again.
  Result<> enter(std::string_view path) {
    while (!levels_.empty() && !contains(levels_.back().path, path)) levels_.pop_back();
    std::size_t done = levels_.empty() ? 0 : levels_.back().path.size() + 1;
    while (done < path.size()) {
      std::size_t slash = std::min(path.find('/', done), path.size());
      std::string name(path.substr(done, slash - done));
      std::string so_far(path.substr(0, slash));
      if (::mkdirat(current(), name.c_str(), 0755) != 0) return fail_call("create folder", so_far);
      FileHandle directory(::openat(current(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!directory.valid()) return fail_call("open folder", so_far);
      if (::fchmod(directory.get(), 0755) != 0) return fail_call("set the mode of", so_far);
      record('d', so_far, 0755, 0);
      ++extracted_.directories;
      levels_.push_back(Level{std::move(so_far), std::move(directory)});
      done = slash + 1;
    }
    return {};
  }

  static bool contains(std::string_view directory, std::string_view path) {
    return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
  }

  Result<> add_symlink(const Entry& entry, const std::string& leaf) {
    if (::symlinkat(entry.target.c_str(), current(), leaf.c_str()) != 0) return fail_call("create symlink", entry.name);
    record('l', entry.name, 0777, entry.target.size());
    hash_.update(entry.target);
    ++extracted_.symlinks;
    return {};
  }

  Result<> add_file(const Entry& entry, const std::string& leaf) {
    mode_t mode = entry.executable ? 0755 : 0644;
    FileHandle file(::openat(current(), leaf.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.valid()) return fail_call("create file", entry.name);
    record('f', entry.name, mode, entry.size);
    VIRGA_TRY(unpack(zip_, entry, [&](std::string_view part) -> Result<> {
      hash_.update(part);
      while (!part.empty()) {
        ssize_t count = ::write(file.get(), part.data(), part.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail_call("write", entry.name);
        part.remove_prefix(static_cast<std::size_t>(count));
      }
      return {};
    }));
    if (::fchmod(file.get(), mode) != 0) return fail_call("set the mode of", entry.name);
    // A delayed failure of the disk is told at close.
    if (::close(file.release()) != 0) return fail_call("close", entry.name);
    ++extracted_.files;
    extracted_.bytes += entry.size;
    return {};
  }

  // Every number has a fixed width and every text its length, so that no two trees give the same bytes.
  void record(char kind, std::string_view path, std::uint64_t mode, std::uint64_t content_size) {
    std::string line(1, kind);
    internal::append32(line, mode);
    internal::append64(line, path.size());
    line += path;
    internal::append64(line, content_size);
    hash_.update(line);
  }

  std::string_view zip_;
  int root_;
  std::vector<Level> levels_;
  Sha256 hash_;
  Extracted extracted_;
};

}  // namespace

Result<Extracted> extract(std::string_view zip, const Listing& listing, int directory) {
  std::vector<const Entry*> entries;
  entries.reserve(listing.entries.size());
  for (const Entry& entry : listing.entries) entries.push_back(&entry);
  std::ranges::sort(entries, [](const Entry* a, const Entry* b) { return comes_before(a->name, b->name); });
  Extraction extraction(zip, directory);
  for (const Entry* entry : entries) VIRGA_TRY(extraction.add(*entry));
  return extraction.finish();
}

}  // namespace virga::archive
