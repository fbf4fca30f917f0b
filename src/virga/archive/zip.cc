#include "virga/archive/zip.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "virga/archive/internal/directory.h"
#include "virga/archive/internal/names.h"
#include "virga/base/problems.h"

namespace virga::archive {

namespace {

using internal::RawEntry;
using internal::refuse;

// Longer targets are no symlinks that a package needs, and reading them unpacks bytes before they are judged.
constexpr std::uint64_t kLongestTarget = 1024;

std::string_view special_kind(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    case S_IFIFO:
      return "a named pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "of an unknown kind";
  }
}

Result<Entry> judge(const RawEntry& raw, const Limits& limits) {
  std::string_view name = raw.name;
  bool ends_in_slash = !name.empty() && name.back() == '/';
  if (ends_in_slash && name.size() > 1) name.remove_suffix(1);
  VIRGA_TRY(internal::check_name(name, limits));

  Entry entry{.name = std::string(name),
              .kind = ends_in_slash ? EntryKind::Directory : EntryKind::File,
              .size = raw.size,
              .target = {},
              .data_offset = raw.data_offset,
              .data_size = raw.compressed_size,
              .deflated = raw.method == 8,
              .crc32 = raw.crc32};
  constexpr std::uint16_t kUnix = 3, kMacOs = 19;
  if (raw.host == kUnix || raw.host == kMacOs) {
    std::uint32_t mode = raw.attributes >> 16;
    switch (mode & S_IFMT) {
      case 0:
      case S_IFREG:
        break;
      case S_IFDIR:
        entry.kind = EntryKind::Directory;
        break;
      case S_IFLNK:
        entry.kind = EntryKind::Symlink;
        break;
      default:
        return refuse(
            problem::kArchiveEntryKind, name,
            fmt::format("it is {}; allowed are files, folders and symlinks, leave it out", special_kind(mode)));
    }
    if (ends_in_slash && entry.kind == EntryKind::Symlink) {
      return refuse(problem::kArchiveDamaged, name,
                    "it is a symlink by its mode and a folder by its name; make the zip again");
    }
    if (ends_in_slash) entry.kind = EntryKind::Directory;
    entry.executable = entry.kind == EntryKind::File && (mode & 0111) != 0;
  }
  if (entry.kind == EntryKind::Directory && entry.size != 0) {
    return refuse(problem::kArchiveDamaged, name,
                  fmt::format("it is a folder and holds {} bytes itself; make the zip again", entry.size));
  }
  return entry;
}

Result<> check_sizes(std::uint64_t unpacked, std::size_t packed, const Limits& limits) {
  if (unpacked > limits.unpacked_bytes) {
    return fail(problem::kArchiveTooLarge,
                fmt::format("zip: unpacked it would be more than {} bytes, the most that is allowed; leave out what "
                            "the function does not need",
                            limits.unpacked_bytes));
  }
  if (unpacked > limits.ratio_free_bytes && unpacked / limits.ratio > packed) {
    return fail(problem::kArchiveBomb,
                fmt::format("zip: {} bytes unpack to {}, more than {} times as many; such archives are made to "
                            "exhaust who unpacks them, make one without long runs of equal bytes",
                            packed, unpacked, limits.ratio));
  }
  return {};
}

}  // namespace

Result<Listing> inspect(std::string_view zip, const Limits& limits) {
  VIRGA_TRY_ASSIGN(std::vector<RawEntry> raw_entries, internal::read_directory(zip, limits));
  Listing listing;
  listing.entries.reserve(raw_entries.size());
  for (const RawEntry& raw : raw_entries) {
    VIRGA_TRY_ASSIGN(Entry entry, judge(raw, limits));
    // One entry first, then the sum: so the sum stays below twice the limit and cannot overflow.
    VIRGA_TRY(check_sizes(entry.size, zip.size(), limits));
    listing.unpacked_bytes += entry.size;
    VIRGA_TRY(check_sizes(listing.unpacked_bytes, zip.size(), limits));
    listing.entries.push_back(std::move(entry));
  }
  VIRGA_TRY(internal::check_tree(listing.entries));
  for (Entry& entry : listing.entries) {
    if (entry.kind != EntryKind::Symlink) continue;
    if (entry.size > kLongestTarget) {
      return refuse(
          problem::kArchiveSymlink, entry.name,
          fmt::format("the symlink's target is {} bytes long, allowed are {}; shorten it", entry.size, kLongestTarget));
    }
    VIRGA_TRY_ASSIGN(entry.target, unpack(zip, entry));
    VIRGA_TRY(internal::check_target(entry.name, entry.target));
  }
  return listing;
}

}  // namespace virga::archive
