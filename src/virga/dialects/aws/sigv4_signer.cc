#include "virga/dialects/aws/sigv4_signer.h"

#include <algorithm>
#include <vector>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace virga::dialects::aws {

using namespace sigv4;

namespace {

// The fields in the forms a signature needs. `lower` holds the names that the views point to.
struct Prepared {
  std::vector<std::string> lower;
  std::vector<std::string_view> names;  // sorted, once each
  std::vector<http::Field> fields;
  std::string signed_headers;
};

Result<Prepared> prepare(const http::ClientRequest& request) {
  Prepared prepared;
  for (const auto& [name, value] : request.fields) {
    prepared.fields.push_back({name, value});
    prepared.lower.push_back(to_lower(name));
  }
  std::ranges::sort(prepared.lower);
  for (const auto& name : prepared.lower) {
    if (!prepared.names.empty() && prepared.names.back() == name) continue;
    if (!prepared.names.empty()) prepared.signed_headers += ';';
    prepared.signed_headers += name;
    prepared.names.push_back(name);
  }
  if (!std::ranges::binary_search(prepared.names, std::string_view("host"))) {
    return fail(ErrorCode::InvalidArgument, "a request needs a Host field before it can be signed");
  }
  return prepared;
}

std::string sign(const http::ClientRequest& request, const Prepared& prepared, const SigV4Credentials& credentials,
                 const SigV4Rules& rules, std::string_view time, std::string_view hash) {
  std::string_view target = request.target;
  auto question = target.find('?');
  auto path = canonical_path(target.substr(0, question), rules.path);
  auto query = canonical_query(question == std::string_view::npos ? "" : target.substr(question + 1));
  auto fields = canonical_fields(prepared.fields, prepared.names);
  CanonicalParts parts{request.method, path, query, *fields, prepared.signed_headers, hash};
  Scope scope{time.substr(0, 8), credentials.region, rules.service};
  auto text = string_to_sign(time, scope, canonical_request(parts));
  return signature(signing_key(credentials.secret, scope), text);
}

}  // namespace

Result<> sigv4_sign(http::ClientRequest& request, const SigV4Credentials& credentials, const SigV4Rules& rules,
                    WallTime now) {
  auto time = format_time(now);
  auto hash = to_hex(sha256(request.body));
  VIRGA_TRY(prepare(request));
  request.fields.emplace_back("X-Amz-Date", time);
  request.fields.emplace_back("X-Amz-Content-Sha256", hash);
  if (!credentials.session_token.empty()) {
    request.fields.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  VIRGA_TRY_ASSIGN(auto prepared, prepare(request));
  auto made = sign(request, prepared, credentials, rules, time, hash);
  Scope scope{std::string_view(time).substr(0, 8), credentials.region, rules.service};
  std::string authorization(kAlgorithm);
  authorization.append(" Credential=").append(credentials.access_key).append("/").append(scope.text());
  authorization.append(", SignedHeaders=").append(prepared.signed_headers).append(", Signature=").append(made);
  request.fields.emplace_back("Authorization", std::move(authorization));
  return {};
}

Result<> sigv4_presign(http::ClientRequest& request, const SigV4Credentials& credentials, const SigV4Rules& rules,
                       WallTime now, std::chrono::seconds lifetime) {
  VIRGA_TRY_ASSIGN(auto prepared, prepare(request));
  auto time = format_time(now);
  Scope scope{std::string_view(time).substr(0, 8), credentials.region, rules.service};
  auto& target = request.target;
  auto add = [&](std::string_view name, std::string_view value) {
    target += target.find('?') == std::string::npos ? '?' : '&';
    target.append(name).append("=").append(percent_encode(value));
  };
  add("X-Amz-Algorithm", kAlgorithm);
  add("X-Amz-Credential", credentials.access_key + "/" + scope.text());
  add("X-Amz-Date", time);
  add("X-Amz-Expires", std::to_string(lifetime.count()));
  add("X-Amz-SignedHeaders", prepared.signed_headers);
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);
  auto hash = rules.wording == SigV4Wording::S3 ? std::string(kUnsigned) : to_hex(sha256(request.body));
  add("X-Amz-Signature", sign(request, prepared, credentials, rules, time, hash));
  return {};
}

}  // namespace virga::dialects::aws
