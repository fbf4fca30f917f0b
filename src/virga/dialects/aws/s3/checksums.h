#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "virga/dialects/aws/refusal.h"
#include "virga/http/message.h"
#include "virga/services/object/checksum.h"

namespace virga::dialects::aws::s3 {

// A checksum as requests and documents name it.
struct ChecksumName {
  services::object::ChecksumAlgorithm algorithm;
  std::string_view name;     // "CRC32"
  std::string_view field;    // "x-amz-checksum-crc32"
  std::string_view element;  // "ChecksumCRC32"
};
std::span<const ChecksumName> checksum_names();
const ChecksumName* find_checksum(std::string_view name);  // in any case; null: there is none
const ChecksumName* find_checksum_field(std::string_view field);
const ChecksumName* find_checksum(services::object::ChecksumAlgorithm algorithm);

// What a request says of the bytes that it brings.
struct ClaimedChecksum {
  services::object::ChecksumAlgorithm algorithm = services::object::ChecksumAlgorithm::None;
  std::string bytes;  // "": it comes behind the body, or is not claimed
  bool is_in_trailer = false;
};
Answer<ClaimedChecksum> claimed_checksum(const http::Request& request);
// A value as it is written in headers and documents; nullopt: it is no such checksum.
std::optional<std::string> read_checksum(services::object::ChecksumAlgorithm algorithm, std::string_view base64);
// As headers and documents have it: with "-PARTS" behind it if it is composite and there were parts.
std::string write_checksum(const services::object::Checksum& checksum, std::uint32_t parts);
std::string_view type_name(services::object::ChecksumType type);  // "FULL_OBJECT"

// The 16 bytes of Content-MD5; "": there is none.
Answer<std::string> claimed_md5(const http::Request& request);

}  // namespace virga::dialects::aws::s3
