#include "virga/dialects/aws/s3/cors.h"

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/settings.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::array<std::string_view, 5> kMethods = {"GET", "PUT", "POST", "DELETE", "HEAD"};
constexpr std::size_t kMostRules = 100;

// One '*' stands for anything.
bool matches(std::string_view pattern, std::string_view text) {
  auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  auto before = pattern.substr(0, star);
  auto after = pattern.substr(star + 1);
  return text.size() >= before.size() + after.size() && text.starts_with(before) && text.ends_with(after);
}

bool allows_headers(const CorsRule& rule, std::string_view headers) {
  while (!headers.empty()) {
    auto comma = headers.find(',');
    auto name = to_lower(trim(headers.substr(0, comma)));
    headers = comma == std::string_view::npos ? std::string_view() : headers.substr(comma + 1);
    bool is_allowed = name.empty() || std::ranges::any_of(rule.headers, [&](const std::string& pattern) {
                        return matches(to_lower(pattern), name);
                      });
    if (!is_allowed) return false;
  }
  return true;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return out;
}

std::vector<CorsRule> rules_of(const object::Bucket& bucket) {
  auto text = bucket.setting(kCors);
  if (text.empty()) return {};
  auto configuration = read_xml(text);
  auto rules = configuration ? read_cors(*configuration) : Answer<std::vector<CorsRule>>();
  return rules ? std::move(*rules) : std::vector<CorsRule>();
}

void allow(http::Response& response, const CorsRule& rule, std::string_view origin) {
  bool is_for_all = std::ranges::find(rule.origins, "*") != rule.origins.end();
  response.add("Access-Control-Allow-Origin", is_for_all ? "*" : origin);
  if (!is_for_all) response.add("Access-Control-Allow-Credentials", "true");
  response.add("Access-Control-Allow-Methods", joined(rule.methods));
  if (!rule.exposed.empty()) response.add("Access-Control-Expose-Headers", joined(rule.exposed));
  if (rule.max_age) response.add("Access-Control-Max-Age", *rule.max_age);
  response.add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

}  // namespace

Answer<std::vector<CorsRule>> read_cors(const XmlNode& configuration) {
  std::vector<CorsRule> rules;
  for (const auto& node : configuration.children) {
    if (node.name != "CORSRule") continue;
    CorsRule rule;
    for (const auto& part : node.children) {
      if (part.name == "ID") rule.id = part.text;
      if (part.name == "AllowedOrigin") rule.origins.push_back(part.text);
      if (part.name == "AllowedMethod") rule.methods.push_back(part.text);
      if (part.name == "AllowedHeader") rule.headers.push_back(part.text);
      if (part.name == "ExposeHeader") rule.exposed.push_back(part.text);
      if (part.name == "MaxAgeSeconds") rule.max_age = part.text;
    }
    if (rule.origins.empty() || rule.methods.empty()) {
      return malformed_xml("a CORSRule has no AllowedOrigin or no AllowedMethod");
    }
    for (const auto& method : rule.methods) {
      if (std::ranges::find(kMethods, method) != kMethods.end()) continue;
      return invalid_request("Found unsupported HTTP method in CORS config. Unsupported method is " + method);
    }
    for (const auto* patterns : {&rule.origins, &rule.headers}) {
      for (const auto& pattern : *patterns) {
        if (std::ranges::count(pattern, '*') <= 1) continue;
        return invalid_request("'" + pattern + "' can not have more than one wildcard.");
      }
    }
    rules.push_back(std::move(rule));
  }
  if (rules.empty() || rules.size() > kMostRules) return malformed_xml("there are 1 to 100 CORSRules");
  return rules;
}

std::string write_cors(const std::vector<CorsRule>& rules) {
  std::string document;
  {
    XmlElement configuration(document, "CORSConfiguration", kNamespace);
    for (const auto& rule : rules) {
      XmlElement one(configuration, "CORSRule");
      if (!rule.id.empty()) one.add("ID", rule.id);
      for (const auto& header : rule.headers) one.add("AllowedHeader", header);
      for (const auto& method : rule.methods) one.add("AllowedMethod", method);
      for (const auto& origin : rule.origins) one.add("AllowedOrigin", origin);
      for (const auto& header : rule.exposed) one.add("ExposeHeader", header);
      if (rule.max_age) one.add("MaxAgeSeconds", *rule.max_age);
    }
  }
  return document;
}

const CorsRule* find_rule(const std::vector<CorsRule>& rules, std::string_view origin, std::string_view method,
                          std::string_view headers) {
  for (const auto& rule : rules) {
    bool is_origin = std::ranges::any_of(rule.origins, [&](const std::string& one) { return matches(one, origin); });
    bool is_method = std::ranges::find(rule.methods, method) != rule.methods.end();
    if (is_origin && is_method && allows_headers(rule, headers)) return &rule;
  }
  return nullptr;
}

http::Response answer_preflight(const object::Bucket* bucket, const http::Request& request,
                                const std::string& request_id) {
  auto origin = request.field("origin");
  auto method = request.field("access-control-request-method");
  if (origin.empty() || method.empty()) {
    auto refusal = refuse(400, "BadRequest", "Insufficient information. Origin request header needed.").error();
    return error_response(refusal, request.path, request_id);
  }
  auto rules = bucket == nullptr ? std::vector<CorsRule>() : rules_of(*bucket);
  auto headers = request.field("access-control-request-headers");
  const auto* rule = find_rule(rules, origin, method, headers);
  if (rule == nullptr) {
    auto refusal = refuse(403, "AccessForbidden",
                          rules.empty() ? "CORSResponse: CORS is not enabled for this bucket."
                                        : "CORSResponse: This CORS request is not allowed.")
                       .error();
    return error_response(refusal, request.path, request_id);
  }
  auto response = empty_response(200);
  allow(response, *rule, origin);
  if (!headers.empty()) response.add("Access-Control-Allow-Headers", to_lower(headers));
  return response;
}

void apply_cors(http::Response& response, const object::Bucket& bucket, const http::Request& request) {
  auto origin = request.field("origin");
  if (origin.empty() || bucket.setting(kCors).empty()) return;
  auto rules = rules_of(bucket);
  if (const auto* rule = find_rule(rules, origin, request.method, "")) allow(response, *rule, origin);
}

}  // namespace virga::dialects::aws::s3
