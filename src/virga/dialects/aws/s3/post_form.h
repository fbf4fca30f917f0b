#pragma once

#include "virga/dialects/aws/s3/call.h"

// Uploads by a browser's form, which a signed policy allows (S3 API reference, "Browser-based uploads using POST").
namespace virga::dialects::aws::s3 {

// The call's identity proves nothing: the form does.
io::Task<Answer<http::Response>> post_object(Call call);

}  // namespace virga::dialects::aws::s3
