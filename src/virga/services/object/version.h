#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/services/object/checksum.h"

namespace virga::services::object {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Tags = std::map<std::string, std::string>;

inline constexpr std::string_view kNullVersion = "null";  // of what is written while versioning is off

// Where the bytes of a version are.
struct Body {
  // The numbers are in durable records. Parts: in the files of a record of their own, since there may be 10,000.
  enum class Kind : std::uint8_t { Nothing = 0, File = 1, Parts = 2 };
  Kind kind = Kind::Nothing;
  std::string id;  // of the file, or of the record of the parts
  bool operator==(const Body&) const = default;
};

// One part of an object that was uploaded in parts, or of an upload that is under way.
struct Part {
  std::uint32_t number = 0;
  std::string file;  // "": no bytes
  std::uint64_t size = 0;
  std::string md5;  // 16 bytes
  Checksum checksum;
  WallTime modified;

  std::string encode() const;
  static Result<Part> decode(std::string_view bytes);
};
std::string encode_parts(const std::vector<Part>& parts);
Result<std::vector<Part>> decode_parts(std::string_view bytes);

// One version of an object, or the mark that it is deleted.
struct Version {
  std::string id = std::string(kNullVersion);
  std::uint64_t sequence = 0;  // grows with each version of a key
  WallTime modified;
  bool is_marker = false;
  std::uint64_t size = 0;
  std::string etag;  // without quotes
  Body body;
  std::uint32_t parts = 0;  // 0: it was not uploaded in parts
  Fields fields;            // what is given back with the bytes: names and values
  Tags tags;
  Checksum checksum;
  std::string upload;  // of parts: so that completing it once more is answered the same
  // Of a version that was found: its bytes can be read as long as this lives, although it be replaced. Not kept.
  std::shared_ptr<void> hold;

  std::string encode() const;
  static Result<Version> decode(std::string_view bytes);
};

// An upload in parts that is under way.
struct Upload {
  std::string id;
  WallTime started;
  Fields fields;
  Tags tags;
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::None;
  ChecksumType type = ChecksumType::FullObject;

  std::string encode() const;
  static Result<Upload> decode(std::string_view bytes);
};

// The numbers are in durable records.
enum class Versioning : std::uint8_t { Never = 0, Enabled = 1, Suspended = 2 };

struct Bucket {
  std::string name;
  std::string id;  // another one if a bucket of this name is made again
  WallTime created;
  Versioning versioning = Versioning::Never;
  // What dialects keep of a bucket, by kind: "cors", "tagging". Not read here.
  std::map<std::string, std::string> settings;

  std::string setting(const std::string& kind) const;  // "": there is none
  std::string encode() const;
  static Result<Bucket> decode(std::string_view bytes);
};

}  // namespace virga::services::object
