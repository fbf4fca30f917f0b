#pragma once

#include <string>
#include <string_view>

#include "virga/dialects/aws/s3/call.h"

namespace virga::dialects::aws::s3 {

// Refuses what is asked for an object and would not be done: encryption, locks.
Answer<bool> check_unbuilt(const http::Request& request);

// What a request says of an object beside its bytes: type, coding, expiry, metadata of its own.
Answer<object::Fields> described_fields(const http::Request& request);
// Of the header x-amz-tagging, a form.
Answer<object::Tags> described_tags(const http::Request& request);
Answer<bool> check_tags(const object::Tags& tags, std::size_t most);
// <Tagging><TagSet><Tag><Key/><Value/></Tag></TagSet></Tagging>
Answer<object::Tags> read_tagging(const XmlNode& tagging, std::size_t most);
std::string write_tagging(const object::Tags& tags);

// Adds to a response what is known of a version: type, ETag, date, its own metadata.
enum class ShowVersion { No, Yes };
void describe(http::Response& response, const object::Version& version, ShowVersion show_version);
void add_checksum(http::Response& response, const object::Version& version);
// Whether versions of this bucket have names for its clients.
ShowVersion shows_versions(const Call& call);

std::string quoted(std::string_view etag);
inline constexpr std::string_view kDefaultType = "binary/octet-stream";

}  // namespace virga::dialects::aws::s3
