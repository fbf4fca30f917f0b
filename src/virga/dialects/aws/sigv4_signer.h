#pragma once

#include <chrono>
#include <string>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/http/client.h"

namespace virga::dialects::aws {

// Who signs, and for what.
struct SigV4Credentials {
  std::string access_key;
  std::string secret;
  std::string session_token;  // "": none
  std::string region;
};

// Adds X-Amz-Date, X-Amz-Content-Sha256, X-Amz-Security-Token and Authorization to a request that has a Host field and
// is otherwise complete; every field that is there is signed. Only rules.service and rules.path are looked at.
// InvalidArgument without Host.
Result<> sigv4_sign(http::ClientRequest& request, const SigV4Credentials& credentials, const SigV4Rules& rules,
                    WallTime now);

// The same into the query of the target: whoever has it may send the request for `lifetime` (at most 7 days). The
// fields that are there must be sent too. The body is not covered for S3, and is the request's body else.
Result<> sigv4_presign(http::ClientRequest& request, const SigV4Credentials& credentials, const SigV4Rules& rules,
                       WallTime now, std::chrono::seconds lifetime);

}  // namespace virga::dialects::aws
