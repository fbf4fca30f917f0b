#pragma once

#include <string>
#include <string_view>

#include "virga/dialects/aws/s3/call.h"

namespace virga::dialects::aws::s3 {

// What x-amz-copy-source names: "/BUCKET/KEY?versionId=ID", percent-encoded.
struct CopySource {
  std::string bucket;
  std::string key;
  std::string version;
};
Answer<CopySource> read_copy_source(const http::Request& request);

// The version it names, if the conditions for a copy hold.
io::Task<Answer<object::Version>> find_copy_source(Call call, CopySource source);

std::string copy_result(std::string_view root, std::string_view etag, WallTime modified,
                        const object::Checksum& checksum);

}  // namespace virga::dialects::aws::s3
