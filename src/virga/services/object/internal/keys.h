#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Where the object service keeps what in the store. Objects lie in the order of their keys' bytes, so that listing one
// page costs the same in every bucket.
namespace virga::services::object::internal {

inline constexpr std::string_view kBuckets = "objects/bucket/";  // + name: Bucket
inline constexpr std::string_view kFiles = "objects/file/";      // + id of a file that something refers to: empty
inline constexpr std::string_view kBodies = "objects/parts/";    // + id of a body of parts: the parts

std::string bucket_key(std::string_view name);
std::string file_key(std::string_view id);
std::string body_key(std::string_view id);

// The current version of each key, be it a delete marker.
std::string current_prefix(std::string_view bucket);
std::string current_key(std::string_view bucket, std::string_view key);

// The versions before it, the newest of each key first. Keys are escaped so that those of "a" come before all of "a!".
std::string older_prefix(std::string_view bucket);
std::string older_prefix(std::string_view bucket, std::string_view key);
std::string older_key(std::string_view bucket, std::string_view key, std::uint64_t sequence);

// Uploads that are under way, of each key in the order of their ids; and their parts.
std::string upload_prefix(std::string_view bucket);
std::string upload_prefix(std::string_view bucket, std::string_view key);
std::string upload_key(std::string_view bucket, std::string_view key, std::string_view upload);
std::string part_prefix(std::string_view upload);
std::string part_key(std::string_view upload, std::uint32_t number);

// A key of objects so that none of them is the beginning of another one's, and in the same order.
std::string escape(std::string_view key);
// The same without the mark of its end: what all keys that begin so begin with.
std::string escape_beginning(std::string_view key);
// What `escape` made, at the beginning of `bytes`; `rest` is what follows. nullopt: there is none.
std::optional<std::string> unescape(std::string_view bytes, std::string_view& rest);

// Behind everything that begins with this text: keys are UTF-8, which has no such byte.
std::string end_of(std::string_view prefix);

// Version ids begin with their sequence in hexadecimal.
std::string make_version_id(std::uint64_t sequence, std::string_view random);
std::optional<std::uint64_t> sequence_in(std::string_view version_id);

}  // namespace virga::services::object::internal
