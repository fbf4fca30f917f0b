#include "virga/http/message.h"

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/http/internal/characters.h"

namespace virga::http {

std::string_view find_field(std::span<const Field> fields, std::string_view name) {
  for (const auto& field : fields) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

void Request::on_peer_gone(std::function<void()> work) const {
  if (connection != nullptr) connection->on_end(std::move(work));
}

// Bytes of a response's fields that cost one allocation.
constexpr std::size_t kUsualFields = 224;

bool Response::add(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 7> kOwn{"date",    "connection", "content-length", "transfer-encoding",
                                                 "upgrade", "keep-alive", "trailer"};
  value = trim(value);
  if (name.empty() || !internal::all_of(name, internal::kToken) || !internal::all_of(value, internal::kValue)) {
    return false;
  }
  if (std::ranges::any_of(kOwn, [&](std::string_view own) { return equals_ignoring_case(name, own); })) return false;
  if (fields.empty()) fields.reserve(kUsualFields);
  fields.append(name).append(": ").append(value).append("\r\n");
  return true;
}

std::string_view Response::field(std::string_view name) const {
  std::string_view rest = fields;
  while (!rest.empty()) {
    auto end = rest.find("\r\n");
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
    auto colon = line.find(':');
    if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
      return trim(line.substr(colon + 1));
    }
  }
  return {};
}

Response Response::make(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 511:
      return "Network Authentication Required";
    default:
      return "Unknown";
  }
}

}  // namespace virga::http
