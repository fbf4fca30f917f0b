#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/http/message.h"
#include "virga/services/object/objects.h"

// What the conditions and ranges of HTTP (RFC 9110 §8.8, §13, §14) mean for one object. Pure functions.
namespace virga::dialects::aws::s3 {

std::string format_http_date(WallTime time);  // Sun, 06 Nov 1994 08:49:37 GMT
std::optional<WallTime> parse_http_date(std::string_view text);

// The fields' names, since those of a copy's source have others.
struct ConditionFields {
  std::string_view match = "if-match";
  std::string_view none_match = "if-none-match";
  std::string_view modified_since = "if-modified-since";
  std::string_view unmodified_since = "if-unmodified-since";
};
inline constexpr ConditionFields kCopySource{"x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match",
                                             "x-amz-copy-source-if-modified-since",
                                             "x-amz-copy-source-if-unmodified-since"};

enum class Verdict { Send, NotModified, Failed };
Verdict check_conditions(const http::Request& request, const ConditionFields& fields, std::string_view etag,
                         WallTime modified);
// Whether a list of ETags of a condition, or "*", names this one; W/ is no difference.
bool names_etag(std::string_view list, std::string_view etag);
std::string_view without_quotes(std::string_view etag);

// If-Match and If-None-Match of a request that writes.
services::object::Condition write_condition(const http::Request& request);
// What a deletion says of the object: texts as in headers and documents; "": nothing. What is not there is deleted.
services::object::Condition delete_condition(std::string_view etag, std::string_view size, std::string_view modified);

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};
enum class RangeVerdict { Whole, Part, Unsatisfiable };
// "bytes=1-2" of an object of this size. Several ranges, and what is none, mean the whole.
RangeVerdict read_range(std::string_view text, std::uint64_t size, ByteRange& range);

}  // namespace virga::dialects::aws::s3
