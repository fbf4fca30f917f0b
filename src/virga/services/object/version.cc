#include "virga/services/object/version.h"

#include "virga/base/record.h"

namespace virga::services::object {
namespace {

constexpr std::uint8_t kFormat = 1;

void write(RecordWriter& writer, const Checksum& checksum) {
  writer.number(static_cast<std::uint64_t>(checksum.algorithm))
      .number(static_cast<std::uint64_t>(checksum.type))
      .text(checksum.bytes);
}
Checksum read_checksum(RecordReader& reader) {
  Checksum checksum;
  checksum.algorithm = static_cast<ChecksumAlgorithm>(reader.number());
  checksum.type = static_cast<ChecksumType>(reader.number());
  checksum.bytes = reader.text();
  return checksum;
}

void write(RecordWriter& writer, const Part& part) {
  writer.number(part.number).text(part.file).number(part.size).text(part.md5).time(part.modified);
  write(writer, part.checksum);
}
Part read_part(RecordReader& reader) {
  Part part;
  part.number = static_cast<std::uint32_t>(reader.number());
  part.file = reader.text();
  part.size = reader.number();
  part.md5 = reader.text();
  part.modified = reader.time();
  part.checksum = read_checksum(reader);
  return part;
}

bool is_good(const RecordReader& reader) {
  return reader.is_whole() && reader.format() == kFormat;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::DataLoss, "the record of " + std::string(what) + " is damaged");
}

}  // namespace

std::string Part::encode() const {
  RecordWriter writer(kFormat);
  write(writer, *this);
  return writer.take();
}

Result<Part> Part::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  auto part = read_part(reader);
  if (!is_good(reader)) return damaged("a part of an upload");
  return part;
}

std::string encode_parts(const std::vector<Part>& parts) {
  RecordWriter writer(kFormat);
  writer.number(parts.size());
  for (const auto& part : parts) write(writer, part);
  return writer.take();
}

Result<std::vector<Part>> decode_parts(std::string_view bytes) {
  RecordReader reader(bytes);
  std::vector<Part> parts;
  auto count = reader.number();
  for (std::uint64_t i = 0; i < count && reader.is_good(); ++i) parts.push_back(read_part(reader));
  if (!is_good(reader)) return damaged("an object's parts");
  return parts;
}

std::string Version::encode() const {
  RecordWriter writer(kFormat);
  writer.text(id).number(sequence).time(modified).number(is_marker ? 1 : 0).number(size).text(etag);
  writer.number(static_cast<std::uint64_t>(body.kind)).text(body.id).number(parts);
  writer.pairs(fields);
  writer.pairs(tags);
  write(writer, checksum);
  writer.text(upload);
  return writer.take();
}

Result<Version> Version::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Version version;
  version.id = reader.text();
  version.sequence = reader.number();
  version.modified = reader.time();
  version.is_marker = reader.number() != 0;
  version.size = reader.number();
  version.etag = reader.text();
  version.body.kind = static_cast<Body::Kind>(reader.number());
  version.body.id = reader.text();
  version.parts = static_cast<std::uint32_t>(reader.number());
  version.fields = reader.pairs<Fields>();
  version.tags = reader.pairs<std::map<std::string, std::string>>();
  version.checksum = read_checksum(reader);
  version.upload = reader.text();
  if (!is_good(reader)) return damaged("an object");
  return version;
}

std::string Upload::encode() const {
  RecordWriter writer(kFormat);
  writer.text(id).time(started);
  writer.pairs(fields);
  writer.pairs(tags);
  writer.number(static_cast<std::uint64_t>(algorithm)).number(static_cast<std::uint64_t>(type));
  return writer.take();
}

Result<Upload> Upload::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Upload upload;
  upload.id = reader.text();
  upload.started = reader.time();
  upload.fields = reader.pairs<Fields>();
  upload.tags = reader.pairs<std::map<std::string, std::string>>();
  upload.algorithm = static_cast<ChecksumAlgorithm>(reader.number());
  upload.type = static_cast<ChecksumType>(reader.number());
  if (!is_good(reader)) return damaged("an upload");
  return upload;
}

std::string Bucket::setting(const std::string& kind) const {
  auto found = settings.find(kind);
  return found == settings.end() ? std::string() : found->second;
}

std::string Bucket::encode() const {
  RecordWriter writer(kFormat);
  writer.text(name).text(id).time(created).number(static_cast<std::uint64_t>(versioning));
  writer.pairs(settings);
  return writer.take();
}

Result<Bucket> Bucket::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Bucket bucket;
  bucket.name = reader.text();
  bucket.id = reader.text();
  bucket.created = reader.time();
  bucket.versioning = static_cast<Versioning>(reader.number());
  bucket.settings = reader.pairs<std::map<std::string, std::string>>();
  if (!is_good(reader)) return damaged("a bucket");
  return bucket;
}

}  // namespace virga::services::object
