#pragma once

#include <string>
#include <string_view>

#include "virga/dialects/aws/s3/target.h"
#include "virga/dialects/aws/sigv4.h"

// Signature version 2 of S3 (S3 user guide, "Signing and authenticating REST requests"), which SDKs still presign URLs
// with by default.
namespace virga::dialects::aws::s3 {

// In the header ("AWS KEY:SIGNATURE") or the query (AWSAccessKeyId, Expires, Signature).
bool has_sigv2(const http::Request& request);
Answer<Identity> verify_sigv2(const http::Request& request, const Target& target, const FindAccessKey& find,
                              WallTime now);

// Base64 of HMAC-SHA1.
std::string sigv2_signature(std::string_view secret, std::string_view text);

}  // namespace virga::dialects::aws::s3
