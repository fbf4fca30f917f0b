#include "virga/dialects/aws/s3/checksums.h"

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/errors.h"

namespace virga::dialects::aws::s3 {

using services::object::ChecksumAlgorithm;
using services::object::ChecksumType;

namespace {

constexpr std::array kNames = {
    ChecksumName{ChecksumAlgorithm::Crc32, "CRC32", "x-amz-checksum-crc32", "ChecksumCRC32"},
    ChecksumName{ChecksumAlgorithm::Crc32c, "CRC32C", "x-amz-checksum-crc32c", "ChecksumCRC32C"},
    ChecksumName{ChecksumAlgorithm::Crc64Nvme, "CRC64NVME", "x-amz-checksum-crc64nvme", "ChecksumCRC64NVME"},
    ChecksumName{ChecksumAlgorithm::Sha1, "SHA1", "x-amz-checksum-sha1", "ChecksumSHA1"},
    ChecksumName{ChecksumAlgorithm::Sha256, "SHA256", "x-amz-checksum-sha256", "ChecksumSHA256"},
};

template <typename Matches>
const ChecksumName* find_if(Matches matches) {
  auto found = std::ranges::find_if(kNames, matches);
  return found == kNames.end() ? nullptr : &*found;
}

}  // namespace

std::span<const ChecksumName> checksum_names() {
  return kNames;
}
const ChecksumName* find_checksum(std::string_view name) {
  return find_if([&](const ChecksumName& one) { return equals_ignoring_case(one.name, name); });
}
const ChecksumName* find_checksum_field(std::string_view field) {
  return find_if([&](const ChecksumName& one) { return equals_ignoring_case(one.field, field); });
}
const ChecksumName* find_checksum(ChecksumAlgorithm algorithm) {
  return find_if([&](const ChecksumName& one) { return one.algorithm == algorithm; });
}

std::optional<std::string> read_checksum(ChecksumAlgorithm algorithm, std::string_view base64) {
  auto bytes = from_base64(base64);
  if (!bytes || bytes->size() != services::object::digest_size(algorithm)) return std::nullopt;
  return std::move(*bytes);
}

std::string write_checksum(const services::object::Checksum& checksum, std::uint32_t parts) {
  auto text = to_base64(checksum.bytes);
  if (checksum.type == ChecksumType::Composite && parts > 0) text += "-" + std::to_string(parts);
  return text;
}

std::string_view type_name(ChecksumType type) {
  return type == ChecksumType::Composite ? "COMPOSITE" : "FULL_OBJECT";
}

Answer<ClaimedChecksum> claimed_checksum(const http::Request& request) {
  ClaimedChecksum claimed;
  for (const auto& name : kNames) {
    auto value = request.field(name.field);
    if (value.empty()) continue;
    if (claimed.algorithm != ChecksumAlgorithm::None) {
      return invalid_request("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
    }
    auto bytes = read_checksum(name.algorithm, value);
    if (!bytes) return invalid_request("Value for " + std::string(name.field) + " header is invalid.");
    claimed.algorithm = name.algorithm;
    claimed.bytes = std::move(*bytes);
  }
  auto trailer = trim(request.field("x-amz-trailer"));
  if (!trailer.empty()) {
    const auto* name = find_checksum_field(trailer);
    if (name == nullptr) {
      return invalid_request("The value specified in the x-amz-trailer header is not supported: '" +
                             std::string(trailer) + "'");
    }
    if (claimed.algorithm != ChecksumAlgorithm::None) {
      return invalid_request("Expecting a single x-amz-checksum- header or trailer.");
    }
    claimed.algorithm = name->algorithm;
    claimed.is_in_trailer = true;
  }
  auto wanted = request.field("x-amz-sdk-checksum-algorithm");
  if (wanted.empty()) return claimed;
  const auto* name = find_checksum(wanted);
  if (name == nullptr) {
    return invalid_request(
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
        "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
  }
  if (claimed.algorithm == ChecksumAlgorithm::None) claimed.algorithm = name->algorithm;
  return claimed;
}

Answer<std::string> claimed_md5(const http::Request& request) {
  auto field = std::ranges::find_if(
      request.fields, [](const http::Field& one) { return equals_ignoring_case(one.name, "content-md5"); });
  if (field == request.fields.end()) return std::string();
  auto bytes = from_base64(field->value);
  if (!bytes || bytes->size() != 16) return refuse(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
  return std::move(*bytes);
}

}  // namespace virga::dialects::aws::s3
