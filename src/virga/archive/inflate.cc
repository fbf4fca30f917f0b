#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "virga/archive/internal/names.h"
#include "virga/archive/zip.h"
#include "virga/base/problems.h"

namespace virga::archive {

namespace {

using Sink = std::function<Result<>(std::string_view)>;
constexpr std::size_t kPart = 65536;

std::unexpected<Error> wrong_size(const Entry& entry) {
  return internal::refuse(problem::kArchiveDamaged, entry.name,
                          fmt::format("it does not unpack to the {} bytes it claims; the file is damaged or was made "
                                      "to mislead, make the zip again",
                                      entry.size));
}

class Checksum {
 public:
  void add(std::string_view bytes) {
    crc_ = ::crc32(crc_, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    count_ += bytes.size();
  }
  Result<> finish(const Entry& entry) const {
    if (count_ != entry.size) return wrong_size(entry);
    if (crc_ == entry.crc32) return {};
    return internal::refuse(problem::kArchiveDamaged, entry.name,
                            fmt::format("its checksum is {:08x} instead of {:08x}; the file is damaged, make the zip "
                                        "again",
                                        crc_, entry.crc32));
  }
  std::uint64_t count() const { return count_; }

 private:
  uLong crc_ = 0;
  std::uint64_t count_ = 0;
};

Result<> copy_stored(std::string_view data, const Entry& entry, const Sink& sink) {
  if (data.size() != entry.size) return wrong_size(entry);
  Checksum checksum;
  while (!data.empty()) {
    std::string_view part = data.substr(0, kPart);
    data.remove_prefix(part.size());
    checksum.add(part);
    VIRGA_TRY(sink(part));
  }
  return checksum.finish(entry);
}

Result<> inflate_data(std::string_view data, const Entry& entry, const Sink& sink) {
  z_stream stream{};
  // Negative: deflate without zlib's header, as zip has it.
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return fail(ErrorCode::Internal, "zlib: out of memory");
  auto end = [](z_stream* s) { ::inflateEnd(s); };
  std::unique_ptr<z_stream, decltype(end)> guard(&stream, end);

  auto buffer = std::make_unique<std::array<char, kPart>>();
  Checksum checksum;
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      std::string_view part = data.substr(0, 1u << 30);
      data.remove_prefix(part.size());
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer->data());
    stream.avail_out = kPart;
    status = ::inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END) {
      return internal::refuse(problem::kArchiveDamaged, entry.name,
                              fmt::format("its compressed bytes are damaged ({}); make the zip again",
                                          stream.msg != nullptr ? stream.msg : "they end too early"));
    }
    std::string_view part(buffer->data(), kPart - stream.avail_out);
    checksum.add(part);
    if (checksum.count() > entry.size) return wrong_size(entry);
    if (!part.empty()) VIRGA_TRY(sink(part));
  }
  if (stream.avail_in != 0 || !data.empty()) {
    return internal::refuse(problem::kArchiveDamaged, entry.name,
                            "bytes follow its compressed data; the file is damaged, make the zip again");
  }
  return checksum.finish(entry);
}

}  // namespace

Result<> unpack(std::string_view zip, const Entry& entry, const Sink& sink) {
  if (entry.data_offset > zip.size() || entry.data_size > zip.size() - entry.data_offset) {
    return internal::refuse(problem::kArchiveDamaged, entry.name, "it is not an entry of this archive");
  }
  std::string_view data = zip.substr(entry.data_offset, entry.data_size);
  return entry.deflated ? inflate_data(data, entry, sink) : copy_stored(data, entry, sink);
}

Result<std::string> unpack(std::string_view zip, const Entry& entry) {
  std::string bytes;
  VIRGA_TRY(unpack(zip, entry, [&bytes](std::string_view part) -> Result<> {
    bytes += part;
    return {};
  }));
  return bytes;
}

}  // namespace virga::archive
