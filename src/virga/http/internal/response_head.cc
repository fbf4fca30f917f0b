#include "virga/http/internal/response_head.h"

#include <charconv>

namespace virga::http::internal {

bool may_have_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

void append_number(std::string& out, std::uint64_t number, int base) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
  out.append(digits, end);
}

void append_head(std::string& out, const Response& response, DateLine& date) {
  if (response.status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
  } else {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::uint64_t>(response.status));
    out.append(" ").append(reason_phrase(response.status)).append("\r\n");
  }
  out += date.text();
  out += response.fields;
}

void append_response(std::string& out, const Response& response, DateLine& date) {
  append_head(out, response, date);
  bool has_body = may_have_body(response.status);
  if (has_body) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  if (response.close) out += "Connection: close\r\n";
  out += "\r\n";
  if (has_body) out += response.body;
}

}  // namespace virga::http::internal
