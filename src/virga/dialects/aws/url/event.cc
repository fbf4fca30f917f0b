#include "virga/dialects/aws/url/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/query.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

enum class FieldKind { Plain, Cookie, Dropped, ForwardedFor };

// Fields that describe the connection, or that only the platform may write, do not reach the function as they came.
FieldKind kind_of(std::string_view name) {
  switch (name.size()) {
    case 6:
      if (equals_ignoring_case(name, "cookie")) return FieldKind::Cookie;
      break;
    case 10:
      if (equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive")) {
        return FieldKind::Dropped;
      }
      break;
    case 15:
      if (equals_ignoring_case(name, "x-forwarded-for")) return FieldKind::ForwardedFor;
      if (equals_ignoring_case(name, "x-amzn-trace-id")) return FieldKind::Dropped;
      break;
    case 16:
      if (equals_ignoring_case(name, "x-forwarded-port")) return FieldKind::Dropped;
      break;
    case 17:
      if (equals_ignoring_case(name, "x-forwarded-proto") || equals_ignoring_case(name, "transfer-encoding")) {
        return FieldKind::Dropped;
      }
      break;
    default:
      break;
  }
  return FieldKind::Plain;
}

void append_lower(std::string& out, std::string_view name) {
  std::size_t start = out.size();
  json::append_string(out, name);
  for (std::size_t i = start; i < out.size(); ++i) {
    if (out[i] >= 'A' && out[i] <= 'Z') out[i] = static_cast<char>(out[i] | 0x20);
  }
}

bool came_before(std::span<const http::Field> fields, std::size_t index) {
  for (std::size_t i = 0; i < index; ++i) {
    if (equals_ignoring_case(fields[i].name, fields[index].name)) return true;
  }
  return false;
}

void append_headers(model::EventForm& form, const UrlEvent& event, std::string_view host) {
  auto& out = form.text;
  auto fields = event.request.fields;
  out += "\"headers\":{";
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (kind_of(fields[i].name) != FieldKind::Plain || came_before(fields, i)) continue;
    append_lower(out, fields[i].name);
    out += ":\"";
    json::append_escaped(out, fields[i].value);
    for (std::size_t k = i + 1; k < fields.size(); ++k) {
      if (!equals_ignoring_case(fields[k].name, fields[i].name)) continue;
      out += ',';
      json::append_escaped(out, fields[k].value);
    }
    out += "\",";
  }
  out += "\"x-amzn-trace-id\":\"";
  form.trace_at = out.size();
  out += "\",\"x-forwarded-for\":\"";
  for (const auto& field : fields) {
    if (kind_of(field.name) != FieldKind::ForwardedFor) continue;
    json::append_escaped(out, field.value);
    out += ", ";
  }
  json::append_escaped(out, event.request.peer);
  out += "\",\"x-forwarded-proto\":\"http\",\"x-forwarded-port\":";
  std::size_t colon = host.rfind(':');
  bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  json::append_string(out, has_port ? host.substr(colon + 1) : "80");
  out += "},";
}

void append_cookies(std::string& out, std::span<const http::Field> fields) {
  bool any = false;
  for (const auto& field : fields) {
    if (kind_of(field.name) != FieldKind::Cookie) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      std::string_view cookie = rest.substr(0, rest.find(';'));
      rest.remove_prefix(cookie.size() < rest.size() ? cookie.size() + 1 : rest.size());
      cookie = trim(cookie);
      if (cookie.empty()) continue;
      out += any ? "," : "\"cookies\":[";
      any = true;
      json::append_string(out, cookie);
    }
  }
  if (any) out += "],";
}

struct Parameter {
  std::string name;
  std::string value;
  std::size_t place = 0;  // in the query
};

void append_query_parameters(std::string& out, std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(part.size() < query.size() ? part.size() + 1 : query.size());
    if (part.empty()) continue;
    std::size_t equals = part.find('=');
    std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    parameters.push_back({decode_form(part.substr(0, equals)), decode_form(value), parameters.size()});
  }
  if (parameters.empty()) return;
  // Sorted, so that thousands of names in a query cost no quadratic search.
  std::ranges::sort(parameters, [](const Parameter& a, const Parameter& b) {
    int order = a.name.compare(b.name);
    return order != 0 ? order < 0 : a.place < b.place;
  });
  out += "\"queryStringParameters\":{";
  for (std::size_t i = 0; i < parameters.size();) {
    if (i > 0) out += ',';
    const std::string& name = parameters[i].name;
    json::append_string(out, name);
    out += ":\"";
    json::append_escaped(out, parameters[i].value);
    for (++i; i < parameters.size() && parameters[i].name == name; ++i) {
      out += ',';
      json::append_escaped(out, parameters[i].value);
    }
    out += '"';
  }
  out += "},";
}

void append_authorizer(std::string& out, const UrlCaller& caller) {
  out += "\"authorizer\":{\"iam\":{\"accessKey\":";
  json::append_string(out, caller.access_key);
  out += ",\"accountId\":";
  json::append_string(out, caller.account);
  out += ",\"callerId\":";
  json::append_string(out, caller.user);
  out += ",\"cognitoIdentity\":null,\"principalOrgId\":null,\"userArn\":";
  json::append_string(out, caller.arn);
  out += ",\"userId\":";
  json::append_string(out, caller.user);
  out += "}},";
}

// What a form needs if hardly anything in it must be escaped: a guess that is too small costs one more allocation.
std::size_t usual_size(const UrlEvent& event, std::string_view path) {
  constexpr std::size_t kFixed = 580;  // its own names
  std::size_t size = kFixed + 2 * path.size() + 3 * event.request.query.size();
  for (const auto& field : event.request.fields) size += field.name.size() + field.value.size() + 6;
  return size;
}

std::string_view without_port(std::string_view host) {
  std::size_t colon = host.rfind(':');
  bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  return has_port ? host.substr(0, colon) : host;
}

}  // namespace

bool is_text_type(std::string_view content_type) {
  std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  if (type.empty() || type.starts_with("text/") || type.ends_with("+json") || type.ends_with("+xml")) return true;
  return type == "application/json" || type == "application/xml" || type == "application/javascript";
}

UrlBody body_of(const http::Request& request) {
  if (request.body.empty()) return UrlBody::None;
  bool is_text = is_text_type(request.field("content-type")) && is_utf8(request.body);
  return is_text ? UrlBody::Text : UrlBody::Base64;
}

void append_body(std::string& out, UrlBody kind, std::string_view body) {
  if (kind == UrlBody::Text) json::append_string(out, body);
  if (kind == UrlBody::Base64) json::append_base64_string(out, body);
}

model::EventForm make_url_form(const UrlEvent& event, UrlBody body) {
  model::EventForm form;
  auto& out = form.text;
  const http::Request& request = event.request;
  std::string_view path = event.path.empty() ? std::string_view("/") : event.path;
  std::string_view host = request.field("host");
  out.reserve(usual_size(event, path));
  out += R"({"version":"2.0","routeKey":"$default","rawPath":)";
  json::append_string(out, path);
  out += ",\"rawQueryString\":";
  json::append_string(out, request.query);
  out += ',';
  append_cookies(out, request.fields);
  append_headers(form, event, host);
  append_query_parameters(out, request.query);
  out += "\"requestContext\":{\"accountId\":";
  json::append_string(out, event.caller != nullptr ? std::string_view(event.caller->account) : "anonymous");
  out += ",\"apiId\":";
  json::append_string(out, event.url_id);
  out += ',';
  if (event.caller != nullptr) append_authorizer(out, *event.caller);
  out += "\"domainName\":";
  json::append_string(out, without_port(host));
  out += ",\"domainPrefix\":";
  json::append_string(out, event.url_id);
  out += ",\"http\":{\"method\":";
  json::append_string(out, request.method);
  out += ",\"path\":";
  json::append_string(out, path);
  out += R"(,"protocol":"HTTP/1.1","sourceIp":)";
  json::append_string(out, request.peer);
  out += ",\"userAgent\":";
  json::append_string(out, request.field("user-agent"));
  out += "},\"requestId\":\"";
  form.id_at = out.size();
  out += R"(","routeKey":"$default","stage":"$default","time":")";
  form.time_at = out.size();
  out += "\",\"timeEpoch\":";
  form.time_ms_at = out.size();
  out += "0}";
  if (body != UrlBody::None) {
    out += ",\"body\":";
    form.body_at = out.size();
    out += "\"\"";
  }
  out += body == UrlBody::Base64 ? ",\"isBase64Encoded\":true}" : ",\"isBase64Encoded\":false}";
  form.is_ascii = is_ascii(out);
  return form;
}

model::EventFilling EventTime::at(std::int64_t time_ms) {
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::int64_t second = time_ms / 1000;
  if (second != second_) {
    std::time_t seconds = second;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    fmt::format_to_n(filling_.time.data(), filling_.time.size(), "{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000",
                     parts.tm_mday, kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
    second_ = second;
  }
  filling_.time_ms = time_ms;
  return filling_;
}

}  // namespace virga::dialects::aws
