#pragma once

#include <optional>
#include <string>

#include "virga/http/message.h"

namespace virga::dialects::aws {

// Makes a function's answer (payload format 2.0) an HTTP response: an object with statusCode is taken apart; any other
// JSON becomes the body of a 200, a JSON string without its quotes. Not set if that cannot be done: no JSON, a status
// outside 200..599, a field that HTTP does not allow, or a body that is not the Base64 it claims to be.
// `fields`, whole header fields, are taken to stand before the answer's own; untouched if nothing is given back.
std::optional<http::Response> to_http_response(std::string payload, std::string& fields);

}  // namespace virga::dialects::aws
