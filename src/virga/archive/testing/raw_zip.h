#pragma once

#include <sys/stat.h>
#include <zlib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "virga/archive/internal/bytes.h"

namespace virga::archive::testing {

// One entry of a zip made by hand; every field can be made to lie.
struct RawMember {
  std::string name;
  std::string content;
  std::uint32_t mode = S_IFREG | 0644;
  std::uint16_t host = 3;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::string extra;  // of the central header
  std::string local_extra;
  std::string descriptor;  // bytes behind the data
  // What the headers say, if not the truth.
  std::optional<std::string> local_name;
  std::optional<std::string> data;  // the bytes in the archive, if not `content`
  std::optional<std::uint32_t> local_size, local_packed, local_crc;
  std::optional<std::uint32_t> size, packed, crc;
  std::optional<std::uint16_t> local_method, local_flags;
  std::optional<std::uint32_t> offset;
};

inline std::uint32_t crc_of(const std::string& content) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
}

// Deflate as zip has it.
inline std::string deflate(const std::string& content) {
  z_stream stream{};
  ::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(::deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

struct RawEnd {
  std::optional<std::uint16_t> entries;
  std::optional<std::uint32_t> directory_size, directory_offset;
  std::string before;  // between the central directory and the end record
  std::string comment;
};

inline std::string raw_zip(const std::vector<RawMember>& members, const RawEnd& end = {}) {
  using namespace internal;
  std::string bytes, directory;
  for (const RawMember& member : members) {
    std::string data = member.data.value_or(member.method == 8 ? deflate(member.content) : member.content);
    std::size_t offset = bytes.size();
    std::string local_name = member.local_name.value_or(member.name);
    append32(bytes, kLocalHeader);
    append16(bytes, 20);
    append16(bytes, member.local_flags.value_or(member.flags));
    append16(bytes, member.local_method.value_or(member.method));
    append32(bytes, 0x00210000);
    append32(bytes, member.local_crc.value_or(member.crc.value_or(crc_of(member.content))));
    append32(bytes, member.local_packed.value_or(member.packed.value_or(data.size())));
    append32(bytes, member.local_size.value_or(member.size.value_or(member.content.size())));
    append16(bytes, local_name.size());
    append16(bytes, member.local_extra.size());
    bytes += local_name + member.local_extra + data + member.descriptor;

    append32(directory, kCentralHeader);
    append16(directory, static_cast<std::uint64_t>(member.host) << 8 | 20);
    append16(directory, 20);
    append16(directory, member.flags);
    append16(directory, member.method);
    append32(directory, 0x00210000);
    append32(directory, member.crc.value_or(crc_of(member.content)));
    append32(directory, member.packed.value_or(data.size()));
    append32(directory, member.size.value_or(member.content.size()));
    append16(directory, member.name.size());
    append16(directory, member.extra.size());
    append16(directory, 0);
    append16(directory, 0);
    append16(directory, 0);
    append32(directory, static_cast<std::uint64_t>(member.mode) << 16);
    append32(directory, member.offset.value_or(offset));
    directory += member.name + member.extra;
  }
  std::size_t directory_offset = bytes.size();
  bytes += directory + end.before;
  append32(bytes, kEnd);
  append32(bytes, 0);
  append16(bytes, end.entries.value_or(members.size()));
  append16(bytes, end.entries.value_or(members.size()));
  append32(bytes, end.directory_size.value_or(directory.size()));
  append32(bytes, end.directory_offset.value_or(directory_offset));
  append16(bytes, end.comment.size());
  return bytes + end.comment;
}

}  // namespace virga::archive::testing
