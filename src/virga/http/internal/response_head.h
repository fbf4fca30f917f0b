#pragma once

#include <cstdint>
#include <string>

#include "virga/http/internal/date.h"
#include "virga/http/message.h"

namespace virga::http::internal {

bool may_have_body(int status);
void append_number(std::string& out, std::uint64_t number, int base = 10);
// Status line, Date and the response's own fields.
void append_head(std::string& out, const Response& response, DateLine& date);
// A whole response without a stream, to a request other than HEAD by a client that speaks HTTP/1.1.
void append_response(std::string& out, const Response& response, DateLine& date);

}  // namespace virga::http::internal
