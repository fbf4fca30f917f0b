#include "virga/archive/internal/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "virga/archive/internal/bytes.h"
#include "virga/archive/internal/names.h"
#include "virga/base/problems.h"

namespace virga::archive::internal {

namespace {

constexpr std::uint32_t kMax32 = 0xffffffff;
constexpr std::uint16_t kMax16 = 0xffff;
constexpr std::string_view kMakeAnew = "the file is damaged or was made to mislead; make the zip again";

std::unexpected<Error> damaged(std::string_view what) {
  return fail(problem::kArchiveDamaged, fmt::format("zip: {}; {}", what, kMakeAnew));
}
std::unexpected<Error> damaged(std::string_view name, std::string_view what) {
  return refuse(problem::kArchiveDamaged, name, fmt::format("{}; {}", what, kMakeAnew));
}

struct End {
  std::uint64_t entries = 0;
  std::uint64_t directory_offset = 0;
  std::uint64_t directory_size = 0;
};

std::optional<std::size_t> find_end(std::string_view zip) {
  if (zip.size() < kEndSize) return std::nullopt;
  std::size_t last = zip.size() - kEndSize;
  std::size_t first = last > kMax16 ? last - kMax16 : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    if (read32(zip, at) == kEnd && at + kEndSize + read16(zip, at + 20) == zip.size()) return at;
  }
  return std::nullopt;
}

Result<End> read_end(std::string_view zip) {
  std::optional<std::size_t> at = find_end(zip);
  if (!at) {
    return fail(problem::kArchiveDamaged,
                "zip: the end-of-directory record is missing, so this is not a whole zip file; upload the .zip itself, "
                "complete and without anything after it");
  }
  if (zip.substr(*at + kEndSize).find("PK\x05\x06") != std::string_view::npos) {
    return damaged("the archive comment holds a second end-of-directory record");
  }
  std::uint16_t entries = read16(zip, *at + 10);
  std::uint32_t size = read32(zip, *at + 12);
  std::uint32_t offset = read32(zip, *at + 16);
  if (read16(zip, *at + 4) != 0 || read16(zip, *at + 6) != 0 || read16(zip, *at + 8) != entries) {
    return damaged("it is split over several files; a package is one file");
  }
  End end{entries, offset, size};
  std::size_t directory_end = *at;

  bool has_locator = *at >= kZip64LocatorSize && read32(zip, *at - kZip64LocatorSize) == kZip64Locator;
  if (has_locator) {
    std::size_t locator = *at - kZip64LocatorSize;
    std::uint64_t record = read64(zip, locator + 8);
    if (read32(zip, locator + 4) != 0 || read32(zip, locator + 16) > 1)
      return damaged("it is split over several files");
    if (locator < kZip64EndSize || record != locator - kZip64EndSize || read32(zip, record) != kZip64End ||
        read64(zip, record + 4) != kZip64EndSize - 12) {
      return damaged("the zip64 end record is not where it has to be");
    }
    if (read32(zip, record + 16) != 0 || read32(zip, record + 20) != 0 ||
        read64(zip, record + 24) != read64(zip, record + 32)) {
      return damaged("it is split over several files");
    }
    End wide{read64(zip, record + 32), read64(zip, record + 48), read64(zip, record + 40)};
    if ((entries != kMax16 && entries != wide.entries) || (size != kMax32 && size != wide.directory_size) ||
        (offset != kMax32 && offset != wide.directory_offset)) {
      return damaged("the zip64 end record contradicts the end record");
    }
    end = wide;
    directory_end = record;
  } else if (size == kMax32 || offset == kMax32) {
    return damaged("the end record points to a zip64 record that is not there");
  }
  if (end.directory_offset > directory_end || end.directory_size != directory_end - end.directory_offset) {
    return damaged("the central directory is not where the end record says");
  }
  return end;
}

// The 64-bit numbers of an entry whose 32-bit fields are all ones (APPNOTE 4.5.3), and the check of a second name
// (Info-ZIP's Unicode path, 0x7075) that other readers might prefer.
Result<> read_extra(std::string_view name, std::string_view extra, std::vector<std::uint64_t*> wide) {
  bool found = wide.empty();
  while (extra.size() >= 4) {
    std::uint16_t id = read16(extra, 0);
    std::size_t size = read16(extra, 2);
    if (size > extra.size() - 4) return damaged(name, "an extra field is longer than the header that holds it");
    std::string_view field = extra.substr(4, size);
    extra.remove_prefix(4 + size);
    if (id == 0x7075 && (field.size() < 5 || field.substr(5) != name)) {
      return damaged(name, "its Unicode name differs from its name");
    }
    if (id != 0x0001) continue;
    if (found && !wide.empty()) return damaged(name, "it has two zip64 records");
    if (found) continue;  // nothing refers to it
    if (field.size() < wide.size() * 8) return damaged(name, "its zip64 record is too short");
    for (std::size_t i = 0; i < wide.size(); ++i) *wide[i] = read64(field, i * 8);
    found = true;
  }
  if (!found) return damaged(name, "its zip64 record is missing");
  return {};
}

Result<RawEntry> read_central(std::string_view directory, std::size_t& at) {
  if (directory.size() - at < kCentralHeaderSize || read32(directory, at) != kCentralHeader) {
    return damaged("the central directory ends before its last entry");
  }
  std::size_t name_size = read16(directory, at + 28);
  std::size_t extra_size = read16(directory, at + 30);
  std::size_t comment_size = read16(directory, at + 32);
  if (directory.size() - at - kCentralHeaderSize < name_size + extra_size + comment_size) {
    return damaged("the central directory ends inside an entry");
  }
  RawEntry entry;
  entry.name = directory.substr(at + kCentralHeaderSize, name_size);
  entry.host = read16(directory, at + 4) >> 8;
  entry.flags = read16(directory, at + 8);
  entry.method = read16(directory, at + 10);
  entry.crc32 = read32(directory, at + 16);
  entry.compressed_size = read32(directory, at + 20);
  entry.size = read32(directory, at + 24);
  entry.attributes = read32(directory, at + 38);
  entry.header_offset = read32(directory, at + 42);
  std::uint16_t disk = read16(directory, at + 34);
  std::vector<std::uint64_t*> wide;
  if (entry.size == kMax32) wide.push_back(&entry.size);
  if (entry.compressed_size == kMax32) wide.push_back(&entry.compressed_size);
  if (entry.header_offset == kMax32) wide.push_back(&entry.header_offset);
  VIRGA_TRY(read_extra(entry.name, directory.substr(at + kCentralHeaderSize + name_size, extra_size), std::move(wide)));
  if (disk != 0 && disk != kMax16) return damaged(entry.name, "it lies in another file of a split archive");
  at += kCentralHeaderSize + name_size + extra_size + comment_size;
  return entry;
}

Result<> check_coding(const RawEntry& entry) {
  constexpr std::uint16_t kEncrypted = 1 << 0 | 1 << 6 | 1 << 13;
  if ((entry.flags & kEncrypted) != 0)
    return refuse(problem::kArchiveCoding, entry.name, "it is encrypted; make the zip without a password");
  if ((entry.flags & 1 << 5) != 0)
    return refuse(problem::kArchiveCoding, entry.name, "it is a patch (PKWARE patch data); store the file itself");
  if (entry.method != 0 && entry.method != 8) {
    return refuse(problem::kArchiveCoding, entry.name,
                  fmt::format("it is compressed with method {}, allowed are 0 (store) and 8 (deflate); make the zip "
                              "with deflate",
                              entry.method));
  }
  if (entry.method == 0 && entry.compressed_size != entry.size) {
    return damaged(entry.name, fmt::format("it is stored uncompressed in {} bytes but claims {}", entry.compressed_size,
                                           entry.size));
  }
  return {};
}

// The size of the data descriptor at `at`, or nothing if none with these numbers is there. Its signature is optional,
// its sizes are of 4 or 8 bytes (APPNOTE 4.3.9), and which is not said anywhere.
std::optional<std::size_t> descriptor_size(std::string_view zip, std::size_t at, const RawEntry& entry) {
  for (std::size_t signature : {4, 0}) {
    for (std::size_t width : {4, 8}) {
      std::size_t size = signature + 4 + 2 * width;
      if (at > zip.size() || zip.size() - at < size) continue;
      if (signature != 0 && read32(zip, at) != kDataDescriptor) continue;
      std::size_t numbers = at + signature;
      if (read32(zip, numbers) == entry.crc32 && read_number(zip, numbers + 4, width) == entry.compressed_size &&
          read_number(zip, numbers + 4 + width, width) == entry.size) {
        return size;
      }
    }
  }
  return std::nullopt;
}

// `files` is the archive without its central directory.
Result<> read_local(std::string_view files, RawEntry& entry) {
  std::uint64_t at = entry.header_offset;
  if (at > files.size() || files.size() - at < kLocalHeaderSize || read32(files, at) != kLocalHeader) {
    return damaged(entry.name, "its local header is not where the central directory says");
  }
  std::size_t name_size = read16(files, at + 26);
  std::size_t extra_size = read16(files, at + 28);
  if (files.size() - at - kLocalHeaderSize < name_size + extra_size) {
    return damaged(entry.name, "its local header reaches past the end");
  }
  if (files.substr(at + kLocalHeaderSize, name_size) != entry.name) {
    return damaged(entry.name, fmt::format("its local header says its name is {}",
                                           quoted(files.substr(at + kLocalHeaderSize, name_size))));
  }
  constexpr std::uint16_t kMeaningful = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 13;
  std::uint16_t flags = read16(files, at + 6);
  if (((flags ^ entry.flags) & kMeaningful) != 0 || read16(files, at + 8) != entry.method) {
    return damaged(entry.name, "its local header contradicts the central directory in flags or method");
  }
  std::uint32_t crc32 = read32(files, at + 14);
  std::uint64_t compressed_size = read32(files, at + 18);
  std::uint64_t size = read32(files, at + 22);
  std::vector<std::uint64_t*> wide;
  if (size == kMax32) wide.push_back(&size);
  if (compressed_size == kMax32) wide.push_back(&compressed_size);
  VIRGA_TRY(read_extra(entry.name, files.substr(at + kLocalHeaderSize + name_size, extra_size), std::move(wide)));

  bool has_descriptor = (flags & 1 << 3) != 0;
  // With a descriptor each of them may be left open as 0; Info-ZIP does so with two of the three when it streams.
  auto agrees = [&](std::uint64_t local, std::uint64_t central) {
    return local == central || (has_descriptor && local == 0);
  };
  if (!agrees(crc32, entry.crc32) || !agrees(compressed_size, entry.compressed_size) || !agrees(size, entry.size)) {
    return damaged(entry.name,
                   fmt::format("its local header says {} bytes (packed {}), the central directory {} (packed {})", size,
                               compressed_size, entry.size, entry.compressed_size));
  }
  entry.data_offset = at + kLocalHeaderSize + name_size + extra_size;
  if (entry.compressed_size > files.size() - entry.data_offset) {
    return damaged(entry.name, fmt::format("its {} packed bytes reach past the end", entry.compressed_size));
  }
  entry.end_offset = entry.data_offset + entry.compressed_size;
  if (has_descriptor) {
    std::optional<std::size_t> size_of_it = descriptor_size(files, entry.end_offset, entry);
    if (!size_of_it) return damaged(entry.name, "its data descriptor contradicts the central directory or is missing");
    entry.end_offset += *size_of_it;
  }
  return {};
}

Result<> check_overlaps(const std::vector<RawEntry>& entries) {
  std::vector<const RawEntry*> by_offset;
  by_offset.reserve(entries.size());
  for (const RawEntry& entry : entries) by_offset.push_back(&entry);
  std::ranges::sort(by_offset, {}, &RawEntry::header_offset);
  for (std::size_t i = 1; i < by_offset.size(); ++i) {
    if (by_offset[i]->header_offset < by_offset[i - 1]->end_offset) {
      return damaged(by_offset[i]->name, fmt::format("it shares bytes with {}", quoted(by_offset[i - 1]->name)));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<RawEntry>> read_directory(std::string_view zip, const Limits& limits) {
  if (zip.size() > limits.archive_bytes) {
    return fail(
        problem::kArchiveTooLarge,
        fmt::format("zip: the archive is {} bytes, allowed are {}; leave out what the function does not need, or move "
                    "it into a layer",
                    zip.size(), limits.archive_bytes));
  }
  VIRGA_TRY_ASSIGN(End end, read_end(zip));
  if (end.entries > limits.entries) {
    return fail(problem::kArchiveTooLarge,
                fmt::format("zip: the archive has {} entries, allowed are {}; bundle the code into fewer files",
                            end.entries, limits.entries));
  }
  std::string_view directory = zip.substr(end.directory_offset, end.directory_size);
  std::string_view files = zip.substr(0, end.directory_offset);
  std::vector<RawEntry> entries;
  entries.reserve(std::min<std::uint64_t>(end.entries, directory.size() / kCentralHeaderSize));
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < end.entries; ++i) {
    VIRGA_TRY_ASSIGN(RawEntry entry, read_central(directory, at));
    VIRGA_TRY(check_coding(entry));
    VIRGA_TRY(read_local(files, entry));
    entries.push_back(entry);
  }
  if (at != directory.size()) return damaged("the central directory holds more than its entries");
  VIRGA_TRY(check_overlaps(entries));
  return entries;
}

}  // namespace virga::archive::internal
