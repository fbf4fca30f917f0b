#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "virga/base/error.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws::s3 {

// Errors as S3's clients know them (S3 API reference, "Error responses").
std::unexpected<Refusal> refuse(int status, std::string_view code, std::string message);
std::unexpected<Refusal> malformed_xml(std::string_view why);
std::unexpected<Refusal> invalid_argument(std::string message);
std::unexpected<Refusal> invalid_request(std::string message);

inline Refusal as_refusal(Refusal refusal) {
  return refusal;
}
// What a failure of the object service means to a client.
Refusal as_refusal(const Error& error);

http::Response error_response(const Refusal& refusal, std::string_view resource, std::string_view request_id);

}  // namespace virga::dialects::aws::s3
