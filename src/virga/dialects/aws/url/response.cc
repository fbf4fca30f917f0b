#include "virga/dialects/aws/url/response.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "virga/base/encoding.h"
#include "virga/json/cursor.h"

namespace virga::dialects::aws {
namespace {

using json::Cursor;

constexpr std::string_view kJson = "application/json";

// The members of the answer; `headers` and `cookies` are the JSON text of those members, checked already.
struct Parts {
  std::string_view status;
  std::string_view headers;
  std::string_view cookies;
  std::string body;
  bool base64 = false;
};

// A text, or a number or boolean as it is written. Null and absent are the empty text.
bool read_scalar(Cursor& cursor, std::string& value) {
  value.clear();
  switch (cursor.peek()) {
    case Cursor::Kind::String:
      return cursor.read_string(value);
    case Cursor::Kind::Null:
      return cursor.read_null();
    case Cursor::Kind::Bad:
      return false;
    default: {
      std::string_view raw;
      if (!cursor.skip_value(raw)) return false;
      value = raw;
      return true;
    }
  }
}

// The text of a number or of a string that holds one.
bool read_status(Cursor& cursor, std::string_view& status) {
  if (!cursor.skip_value(status)) return false;
  if (status.size() >= 2 && status.front() == '"') status = status.substr(1, status.size() - 2);
  return true;
}

bool read_parts(Cursor& cursor, Parts& parts) {
  std::string key;
  for (cursor.enter_object(); cursor.next_member(key);) {
    bool read = true;
    if (key == "statusCode") {
      read = read_status(cursor, parts.status);
    } else if (key == "body") {
      read = read_scalar(cursor, parts.body);
    } else if (key == "headers") {
      read = cursor.skip_value(parts.headers);
    } else if (key == "cookies") {
      read = cursor.skip_value(parts.cookies);
    } else if (key == "isBase64Encoded" && cursor.peek() != Cursor::Kind::Null) {
      std::string flag;
      read = read_scalar(cursor, flag);
      parts.base64 = flag == "true";
    } else {
      read = cursor.skip_value();
    }
    if (!read) return false;
  }
  return cursor.finish();
}

// The server writes these itself, and functions that set them mean no harm.
bool is_servers_own(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "date", "connection", "content-length", "keep-alive", "upgrade", "transfer-encoding", "trailer"};
  return std::ranges::any_of(kNames, [&](std::string_view own) { return equals_ignoring_case(own, name); });
}

bool add_field(http::Response& response, std::string_view name, std::string_view value) {
  return response.add(name, value) || is_servers_own(name);
}

bool add_headers(http::Response& response, std::string_view headers, bool& has_type) {
  Cursor cursor(headers);
  if (cursor.peek() == Cursor::Kind::Null) return true;
  std::string name, value;
  for (cursor.enter_object(); cursor.next_member(name);) {
    if (equals_ignoring_case(name, "content-type")) has_type = true;
    if (cursor.peek() == Cursor::Kind::Array) {
      for (cursor.enter_array(); cursor.next_element();) {
        if (!read_scalar(cursor, value) || !add_field(response, name, value)) return false;
      }
    } else if (!read_scalar(cursor, value) || !add_field(response, name, value)) {
      return false;
    }
  }
  return !cursor.failed();
}

bool add_cookies(http::Response& response, std::string_view cookies) {
  Cursor cursor(cookies);
  if (cursor.peek() == Cursor::Kind::Null) return true;
  std::string cookie;
  for (cursor.enter_array(); cursor.next_element();) {
    if (!read_scalar(cursor, cookie) || !response.add("set-cookie", cookie)) return false;
  }
  return !cursor.failed();
}

std::optional<http::Response> take_apart(Parts parts, std::string& fields) {
  http::Response response;
  const char* begin = parts.status.data();
  const char* end = begin + parts.status.size();
  auto [stop, problem] = std::from_chars(begin, end, response.status);
  if (problem != std::errc() || stop != end || response.status < 200 || response.status > 599) return std::nullopt;
  if (parts.base64) {
    auto bytes = from_base64(parts.body);
    if (!bytes) return std::nullopt;
    response.body = std::move(*bytes);
  } else {
    response.body = std::move(parts.body);
  }
  auto given = fields.size();
  response.fields = std::move(fields);
  bool has_type = false;
  bool is_valid = parts.headers.empty() || add_headers(response, parts.headers, has_type);
  if (!has_type) response.add("Content-Type", kJson);
  if (is_valid && !parts.cookies.empty()) is_valid = add_cookies(response, parts.cookies);
  if (is_valid) return response;
  fields = std::move(response.fields);
  fields.resize(given);
  return std::nullopt;
}

http::Response make_json(std::string body, std::string& fields) {
  http::Response response;
  response.fields = std::move(fields);
  response.add("Content-Type", kJson);
  response.body = std::move(body);
  return response;
}

}  // namespace

std::optional<http::Response> to_http_response(std::string payload, std::string& fields) {
  Cursor cursor(payload);
  switch (cursor.peek()) {
    case Cursor::Kind::Bad:
      return std::nullopt;
    case Cursor::Kind::Object: {
      Parts parts;
      if (!read_parts(cursor, parts)) return std::nullopt;
      if (!parts.status.empty()) return take_apart(std::move(parts), fields);
      return make_json(std::move(payload), fields);
    }
    case Cursor::Kind::String: {
      std::string text;
      if (!cursor.read_string(text) || !cursor.finish()) return std::nullopt;
      return make_json(std::move(text), fields);
    }
    default:
      if (!cursor.skip_value() || !cursor.finish()) return std::nullopt;
      return make_json(std::move(payload), fields);
  }
}

}  // namespace virga::dialects::aws
