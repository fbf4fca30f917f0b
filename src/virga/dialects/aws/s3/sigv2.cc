#include "virga/dialects/aws/s3/sigv2.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/errors.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::string_view kScheme = "AWS ";
constexpr std::chrono::minutes kSkew{15};

// The parameters that are a part of what is signed.
constexpr std::array<std::string_view, 35> kSigned = {"accelerate",
                                                      "acl",
                                                      "analytics",
                                                      "cors",
                                                      "defaultObjectAcl",
                                                      "delete",
                                                      "inventory",
                                                      "lifecycle",
                                                      "location",
                                                      "logging",
                                                      "metrics",
                                                      "notification",
                                                      "object-lock",
                                                      "partNumber",
                                                      "policy",
                                                      "replication",
                                                      "requestPayment",
                                                      "response-cache-control",
                                                      "response-content-disposition",
                                                      "response-content-encoding",
                                                      "response-content-language",
                                                      "response-content-type",
                                                      "response-expires",
                                                      "restore",
                                                      "select",
                                                      "select-type",
                                                      "storageClass",
                                                      "tagging",
                                                      "torrent",
                                                      "uploadId",
                                                      "uploads",
                                                      "versionId",
                                                      "versioning",
                                                      "versions",
                                                      "website"};

std::unexpected<Refusal> wrong_signature() {
  return refuse(403, "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided, or the access key id "
                "is not known here. Check your AWS access key id, secret access key and signing method.");
}

// Of the header, or of the query of a presigned request, which carries the fields that were signed.
std::string signed_field(const http::Request& request, const Query& query, bool in_query, std::string_view name) {
  if (in_query) {
    if (auto value = query.find(name)) return std::string(*value);
  }
  return std::string(request.field(name));
}

std::string amazon_fields(const http::Request& request, bool in_query) {
  std::map<std::string, std::string> fields;
  auto add = [&](std::string name, std::string_view value) {
    if (!name.starts_with("x-amz-")) return;
    auto& text = fields[std::move(name)];
    text.append(text.empty() ? "" : ",").append(trim(value));
  };
  for (const auto& field : request.fields) add(to_lower(field.name), field.value);
  auto rest = in_query ? request.query : std::string_view();
  while (!rest.empty()) {
    auto end = rest.find('&');
    auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    auto equals = std::min(pair.find('='), pair.size());
    auto name = to_lower(pair.substr(0, equals));
    // A client may send in the head as well what the query says.
    if (!fields.contains(name)) add(name, decode_form(pair.substr(std::min(equals + 1, pair.size()))));
  }
  std::string text;
  for (const auto& [name, value] : fields) text.append(name).append(":").append(value).append("\n");
  return text;
}

std::string resource(const http::Request& request, const Target& target, std::string_view slash) {
  std::string text = target.in_host ? "/" + target.bucket : std::string();
  text.append(request.path).append(slash);
  std::map<std::string, std::string> parameters;
  auto rest = request.query;
  while (!rest.empty()) {
    auto end = rest.find('&');
    auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    auto equals = pair.find('=');
    auto name = pair.substr(0, equals);
    if (std::ranges::find(kSigned, name) == kSigned.end()) continue;
    auto value = equals == std::string_view::npos ? std::string() : "=" + decode_form(pair.substr(equals + 1));
    parameters.emplace(name, std::move(value));
  }
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    text.append(1, separator).append(name).append(value);
    separator = '&';
  }
  return text;
}

}  // namespace

std::string sigv2_signature(std::string_view secret, std::string_view text) {
  return to_base64(hmac_sha1(secret, text));
}

bool has_sigv2(const http::Request& request) {
  if (request.field("authorization").starts_with(kScheme)) return true;
  Query query(request.query);
  return query.find("AWSAccessKeyId") && query.find("Signature");
}

Answer<Identity> verify_sigv2(const http::Request& request, const Target& target, const FindAccessKey& find,
                              WallTime now) {
  Query query(request.query);
  Identity identity;
  std::string signature;
  std::string date;
  auto authorization = request.field("authorization");
  bool in_query = authorization.empty();
  if (in_query) {
    identity.access_key = query.find("AWSAccessKeyId").value_or("");
    signature = query.find("Signature").value_or("");
    date = query.find("Expires").value_or("");
    std::int64_t expires = 0;
    auto [end, error] = std::from_chars(date.data(), date.data() + date.size(), expires);
    if (date.empty() || error != std::errc() || end != date.data() + date.size()) {
      return refuse(403, "AccessDenied", "Query-string authentication needs Expires, a number of seconds.");
    }
    if (std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count() > expires) {
      return refuse(403, "AccessDenied", "Request has expired");
    }
  } else {
    authorization.remove_prefix(kScheme.size());
    auto colon = authorization.rfind(':');
    if (colon == std::string_view::npos) return invalid_argument("Authorization must be 'AWS KEY:SIGNATURE'.");
    identity.access_key = trim(authorization.substr(0, colon));
    signature = authorization.substr(colon + 1);
    bool has_own_date = std::ranges::any_of(
        request.fields, [](const http::Field& field) { return equals_ignoring_case(field.name, "x-amz-date"); });
    date = request.field("date");
    auto text = has_own_date ? request.field("x-amz-date") : std::string_view(date);
    auto time = parse_http_date(text);
    if (!time) time = sigv4::parse_time(text);
    if (!time || time->time_since_epoch().count() < 0)
      return refuse(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
    if (*time < now - kSkew || *time > now + kSkew) {
      return refuse(403, "RequestTimeTooSkewed",
                    "The difference between the request time and the current time is too large.");
    }
    if (has_own_date) date.clear();
  }
  std::string text(request.method);
  text.append("\n").append(signed_field(request, query, in_query, "content-md5"));
  text.append("\n").append(signed_field(request, query, in_query, "content-type"));
  text.append("\n").append(date).append("\n");
  text.append(amazon_fields(request, in_query));
  auto key = find(identity.access_key);
  std::string secret = key ? key->secret : "an unknown key";
  // Some clients sign a bucket with a slash behind its name, and do not send that.
  bool is_right = equals_in_constant_time(sigv2_signature(secret, text + resource(request, target, "")), signature);
  bool is_so = equals_in_constant_time(sigv2_signature(secret, text + resource(request, target, "/")), signature);
  if ((!is_right && (!is_so || !target.key.empty())) || !key) return wrong_signature();
  auto token = signed_field(request, query, in_query, "x-amz-security-token");
  if (!equals_in_constant_time(token, key->session_token)) {
    return refuse(400, "InvalidToken", "The security token included in the request is invalid.");
  }
  if (key->expires && *key->expires <= now) {
    return refuse(400, "ExpiredToken", "The security token included in the request is expired.");
  }
  identity.function = key->function;
  identity.service = "s3";
  identity.payload = sigv4::kUnsigned;
  // A body may be aws-chunked all the same, without signed chunks.
  auto marker = request.field("x-amz-content-sha256");
  if (marker == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") identity.payload = marker;
  return identity;
}

}  // namespace virga::dialects::aws::s3
