#include "virga/services/object/internal/keys.h"

#include <fmt/format.h>

#include <charconv>

namespace virga::services::object::internal {
namespace {

constexpr std::string_view kCurrent = "objects/current/";
constexpr std::string_view kOlder = "objects/older/";
constexpr std::string_view kUploads = "objects/upload/";
constexpr std::string_view kParts = "objects/uploaded/";

constexpr std::string_view kEnd("\0\1", 2);     // of an escaped key
constexpr std::string_view kZero("\0\xFF", 2);  // a zero byte in it

std::string joined(std::string_view prefix, std::string_view id) {
  std::string key(prefix);
  return key.append(id);
}

std::string in_bucket(std::string_view prefix, std::string_view bucket) {
  return joined(prefix, bucket) + '/';
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

}  // namespace

std::string bucket_key(std::string_view name) {
  return joined(kBuckets, name);
}
std::string file_key(std::string_view id) {
  return joined(kFiles, id);
}
std::string body_key(std::string_view id) {
  return joined(kBodies, id);
}
std::string current_prefix(std::string_view bucket) {
  return in_bucket(kCurrent, bucket);
}
std::string current_key(std::string_view bucket, std::string_view key) {
  return current_prefix(bucket).append(key);
}
std::string older_prefix(std::string_view bucket) {
  return in_bucket(kOlder, bucket);
}
std::string older_prefix(std::string_view bucket, std::string_view key) {
  return older_prefix(bucket) + escape(key);
}
std::string older_key(std::string_view bucket, std::string_view key, std::uint64_t sequence) {
  auto made = older_prefix(bucket, key);
  append_big_endian(made, ~sequence, 8);
  return made;
}
std::string upload_prefix(std::string_view bucket) {
  return in_bucket(kUploads, bucket);
}
std::string upload_prefix(std::string_view bucket, std::string_view key) {
  return upload_prefix(bucket) + escape(key);
}
std::string upload_key(std::string_view bucket, std::string_view key, std::string_view upload) {
  return upload_prefix(bucket, key).append(upload);
}
std::string part_prefix(std::string_view upload) {
  return joined(kParts, upload) + '/';
}
std::string part_key(std::string_view upload, std::uint32_t number) {
  auto made = part_prefix(upload);
  append_big_endian(made, number, 4);
  return made;
}

std::string escape(std::string_view key) {
  return escape_beginning(key).append(kEnd);
}

std::string escape_beginning(std::string_view key) {
  std::string out;
  out.reserve(key.size() + kEnd.size());
  for (char c : key) {
    if (c == '\0') {
      out += kZero;
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> unescape(std::string_view bytes, std::string_view& rest) {
  std::string key;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '\0') {
      key += bytes[i];
      continue;
    }
    auto pair = bytes.substr(i, 2);
    if (pair == kEnd) {
      rest = bytes.substr(i + 2);
      return key;
    }
    if (pair != kZero) return std::nullopt;
    key += '\0';
    ++i;
  }
  return std::nullopt;
}

std::string end_of(std::string_view prefix) {
  return std::string(prefix) + '\xFF';
}

std::string make_version_id(std::uint64_t sequence, std::string_view random) {
  return fmt::format("{:016x}{}", sequence, random);
}

std::optional<std::uint64_t> sequence_in(std::string_view version_id) {
  if (version_id.size() <= 16) return std::nullopt;
  std::uint64_t sequence = 0;
  const auto* end = version_id.data() + 16;
  auto [stopped, error] = std::from_chars(version_id.data(), end, sequence, 16);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return sequence;
}

}  // namespace virga::services::object::internal
