#pragma once

#include <string>
#include <string_view>

#include "virga/dialects/aws/refusal.h"
#include "virga/http/message.h"

namespace virga::dialects::aws::s3 {

// What a request is for, by its host and path.
struct Target {
  std::string bucket;       // "": all buckets
  std::string key;          // decoded; "": the bucket
  bool in_host = false;     // the bucket is in the host's name
  bool is_website = false;  // and it is BUCKET.website.localhost
};

// BUCKET.s3.localhost and BUCKET.localhost name a bucket, and the whole path is the key; else the path is /BUCKET/KEY.
Target target_of(const http::Request& request);

// The bucket's name that a host such as these holds; "": there is none.
std::string_view bucket_in_host(std::string_view host, bool& is_website);

// S3's rules for new buckets' names, and the paths that Virga itself has.
Answer<bool> check_bucket_name(std::string_view name);

}  // namespace virga::dialects::aws::s3
