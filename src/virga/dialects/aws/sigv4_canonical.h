#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/hash.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/http/message.h"

// The forms that both sides of a version 4 signature compute. Pure functions.
namespace virga::dialects::aws::sigv4 {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kTerminator = "aws4_request";

struct Scope {
  std::string_view date, region, service;
  std::string text() const;  // DATE/REGION/SERVICE/aws4_request
};

std::string canonical_path(std::string_view raw_path, PathEncoding encoding);
// Sorted and encoded; without the parameter `except`.
std::string canonical_query(std::string_view raw_query, std::string_view except = {});
// "name:value\n" for each of the names; nothing when a name is not among the fields. `names` are lower case.
std::optional<std::string> canonical_fields(std::span<const http::Field> fields,
                                            std::span<const std::string_view> names);

struct CanonicalParts {
  std::string_view method;
  std::string_view path;    // canonical
  std::string_view query;   // canonical
  std::string_view fields;  // canonical
  std::string_view signed_headers;
  std::string_view payload_hash;
};
std::string canonical_request(const CanonicalParts& parts);
std::string string_to_sign(std::string_view time, const Scope& scope, std::string_view canonical_request);

Sha256Digest signing_key(std::string_view secret, const Scope& scope);
std::string signature(const Sha256Digest& key, std::string_view string_to_sign);

// 20260131T235959Z.
std::string format_time(WallTime time);
std::optional<WallTime> parse_time(std::string_view text);

}  // namespace virga::dialects::aws::sigv4
