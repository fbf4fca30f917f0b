#include "virga/archive/zip_writer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include "virga/archive/internal/bytes.h"
#include "virga/archive/internal/names.h"
#include "virga/base/problems.h"

namespace virga::archive {

namespace {

using internal::append16;
using internal::append32;
using internal::append64;

constexpr std::uint16_t kVersionNeeded = 20;    // deflate and folders
constexpr std::uint16_t kMadeBy = 3 << 8 | 45;  // Unix, so that modes count
constexpr std::uint16_t kUtf8 = 1 << 11;
constexpr std::uint16_t kTime = 0, kDate = 0x21;  // 1980-01-01 00:00, the earliest there is

// Empty if it does not get smaller.
Result<std::string> deflated(std::string_view content) {
  if (content.empty()) return std::string();
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(ErrorCode::Internal, "zlib: out of memory");
  }
  std::string packed(content.size(), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  int status = ::deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  ::deflateEnd(&stream);
  if (status != Z_STREAM_END || packed.size() >= content.size()) return std::string();
  return packed;
}

}  // namespace

Result<> ZipWriter::add(std::string_view name, std::string_view content, std::uint32_t mode) {
  bool is_directory = S_ISDIR(mode);
  VIRGA_TRY(internal::check_name(name, limits_));
  unpacked_bytes_ += content.size();
  if (unpacked_bytes_ > limits_.unpacked_bytes) {
    return internal::refuse(
        problem::kArchiveTooLarge, name,
        fmt::format("with it the package is more than {} bytes unpacked, the most that is allowed; leave "
                    "out what the function does not need",
                    limits_.unpacked_bytes));
  }
  VIRGA_TRY_ASSIGN(std::string packed, deflated(content));
  std::string_view data = packed.empty() ? content : std::string_view(packed);
  auto append_common = [&](std::string& header) {
    append16(header, kVersionNeeded);
    append16(header, kUtf8);
    append16(header, packed.empty() ? 0 : 8);
    append16(header, kTime);
    append16(header, kDate);
    append32(header, ::crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
    append32(header, data.size());
    append32(header, content.size());
    append16(header, name.size() + (is_directory ? 1 : 0));
    append16(header, 0);  // extra
  };
  std::uint64_t offset = bytes_.size();
  append32(bytes_, internal::kLocalHeader);
  append_common(bytes_);
  bytes_ += name;
  if (is_directory) bytes_ += '/';
  bytes_ += data;

  append32(directory_, internal::kCentralHeader);
  append16(directory_, kMadeBy);
  append_common(directory_);
  append16(directory_, 0);  // comment
  append16(directory_, 0);  // disk
  append16(directory_, 0);  // internal attributes
  append32(directory_, static_cast<std::uint64_t>(mode) << 16 | (is_directory ? 0x10 : 0));
  append32(directory_, offset);
  directory_ += name;
  if (is_directory) directory_ += '/';
  ++entries_;
  if (bytes_.size() > limits_.archive_bytes) {
    return internal::refuse(
        problem::kArchiveTooLarge, name,
        fmt::format("with it the zip is more than {} bytes, the most that is allowed; leave out what the "
                    "function does not need, or move it into a layer",
                    limits_.archive_bytes));
  }
  return {};
}

Result<> ZipWriter::add_file(std::string_view name, std::string_view content, Executable executable) {
  return add(name, content, S_IFREG | (executable == Executable::Yes ? 0755u : 0644u));
}

Result<> ZipWriter::add_directory(std::string_view name) {
  return add(name, {}, S_IFDIR | 0755);
}

Result<> ZipWriter::add_symlink(std::string_view name, std::string_view target) {
  VIRGA_TRY(internal::check_target(name, target));
  return add(name, target, S_IFLNK | 0777);
}

Result<std::string> ZipWriter::finish() && {
  std::uint64_t offset = bytes_.size();
  bytes_ += directory_;
  bool wide = entries_ >= 0xffff;
  if (wide) {
    std::uint64_t record = bytes_.size();
    append32(bytes_, internal::kZip64End);
    append64(bytes_, internal::kZip64EndSize - 12);
    append16(bytes_, kMadeBy);
    append16(bytes_, 45);
    append32(bytes_, 0);
    append32(bytes_, 0);
    append64(bytes_, entries_);
    append64(bytes_, entries_);
    append64(bytes_, directory_.size());
    append64(bytes_, offset);
    append32(bytes_, internal::kZip64Locator);
    append32(bytes_, 0);
    append64(bytes_, record);
    append32(bytes_, 1);
  }
  append32(bytes_, internal::kEnd);
  append16(bytes_, 0);
  append16(bytes_, 0);
  append16(bytes_, wide ? 0xffff : entries_);
  append16(bytes_, wide ? 0xffff : entries_);
  append32(bytes_, directory_.size());
  append32(bytes_, offset);
  append16(bytes_, 0);
  VIRGA_TRY(inspect(bytes_, limits_));
  return std::move(bytes_);
}

}  // namespace virga::archive
