#include "virga/dialects/aws/url/cors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "virga/base/encoding.h"

namespace virga::dialects::aws {
namespace {

bool holds(const std::vector<std::string>& list, std::string_view wanted) {
  return std::ranges::any_of(list, [&](const std::string& entry) { return entry == wanted || entry == "*"; });
}

// A browser refuses "*" for a request with credentials, so the origin itself is named then.
void add_origin(http::Response& response, std::string_view origin, const model::Cors& cors) {
  bool any = std::ranges::find(cors.allow_origins, "*") != cors.allow_origins.end() && !cors.allow_credentials;
  response.add("Access-Control-Allow-Origin", any ? std::string_view("*") : origin);
  if (!any) response.add("Vary", "Origin");
  if (cors.allow_credentials) response.add("Access-Control-Allow-Credentials", "true");
}

void remove_fields(std::string& fields, std::string_view prefix) {
  std::string kept;
  for (std::string_view rest = fields; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n') + 1);
    if (line.empty()) line = rest;
    rest.remove_prefix(line.size());
    if (!equals_ignoring_case(line.substr(0, prefix.size()), prefix)) kept += line;
  }
  fields = std::move(kept);
}

}  // namespace

bool is_preflight(const http::Request& request) {
  return request.method == "OPTIONS" && !request.field("origin").empty() &&
         !request.field("access-control-request-method").empty();
}

http::Response answer_preflight(const http::Request& request, const model::Cors& cors) {
  auto response = http::Response::make(200, "application/json", "");
  std::string_view origin = request.field("origin");
  std::string_view method = request.field("access-control-request-method");
  if (!holds(cors.allow_origins, origin) || !holds(cors.allow_methods, method)) return response;
  add_origin(response, origin, cors);
  response.add("Access-Control-Allow-Methods", fmt::format("{}", fmt::join(cors.allow_methods, ",")));
  if (!cors.allow_headers.empty()) {
    response.add("Access-Control-Allow-Headers", fmt::format("{}", fmt::join(cors.allow_headers, ",")));
  }
  if (cors.max_age) response.add("Access-Control-Max-Age", std::to_string(cors.max_age->count()));
  return response;
}

void apply_cors(http::Response& response, const http::Request& request, const model::Cors& cors) {
  std::string_view origin = request.field("origin");
  if (origin.empty()) return;
  remove_fields(response.fields, "access-control-");
  if (!holds(cors.allow_origins, origin)) return;
  add_origin(response, origin, cors);
  if (!cors.expose_headers.empty()) {
    response.add("Access-Control-Expose-Headers", fmt::format("{}", fmt::join(cors.expose_headers, ",")));
  }
}

}  // namespace virga::dialects::aws
