#include "virga/dialects/aws/sigv4.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <expected>
#include <vector>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sigv4_canonical.h"

namespace virga::dialects::aws {

using namespace sigv4;

namespace {

constexpr std::size_t kMaxSigningKeys = 1024;
constexpr std::size_t kMaxSignedHeaders = 100;
constexpr std::int64_t kMaxExpires = std::int64_t{7} * 24 * 3600;  // a presigned request lives a week at most

enum class Fault {
  Missing,
  Incomplete,
  WrongSignature,
  Skewed,
  Expired,
  NotSigned,
  WrongBody,
  WrongToken,
  ExpiredToken
};

struct Code {
  int status;
  std::string_view name;
};

Code code_of(Fault fault, SigV4Wording wording) {
  bool s3 = wording == SigV4Wording::S3;
  bool json = wording == SigV4Wording::Json;
  Code wrong{403, json ? "InvalidSignatureException" : "SignatureDoesNotMatch"};
  switch (fault) {
    case Fault::Missing:
      if (s3) return {403, "AccessDenied"};
      return {403, json ? "MissingAuthenticationTokenException" : "MissingAuthenticationToken"};
    case Fault::Incomplete:
      if (s3) return {400, "AuthorizationHeaderMalformed"};
      return {400, json ? "IncompleteSignatureException" : "IncompleteSignature"};
    case Fault::WrongSignature:
      return wrong;
    case Fault::Skewed:
      return s3 ? Code{403, "RequestTimeTooSkewed"} : wrong;
    case Fault::Expired:
    case Fault::NotSigned:
      return s3 ? Code{403, "AccessDenied"} : wrong;
    case Fault::WrongBody:
      return s3 ? Code{400, "XAmzContentSHA256Mismatch"} : wrong;
    case Fault::WrongToken:
      if (s3) return {400, "InvalidToken"};
      return {403, json ? "UnrecognizedClientException" : "InvalidClientTokenId"};
    case Fault::ExpiredToken:
      if (s3) return {400, "ExpiredToken"};
      return {403, json ? "ExpiredTokenException" : "ExpiredToken"};
  }
  return wrong;
}

std::unexpected<Refusal> refuse(const SigV4Rules& rules, Fault fault, std::string message) {
  auto code = code_of(fault, rules.wording);
  Refusal refusal;
  refusal.status = code.status;
  refusal.code = code.name;
  refusal.message = std::move(message);
  return std::unexpected(std::move(refusal));
}

// What a signature says about itself, from the header or from the query. The views lie in the request or in `owned`.
struct Claim {
  std::string_view access_key;
  Scope scope;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view time;
  std::string_view token;
  std::optional<std::int64_t> expires;  // seconds; a presigned request has one
  std::array<std::string, 7> owned;
};

constexpr std::array<std::string_view, 7> kParameters{"X-Amz-Algorithm",     "X-Amz-Credential",    "X-Amz-Date",
                                                      "X-Amz-Expires",       "X-Amz-SignedHeaders", "X-Amz-Signature",
                                                      "X-Amz-Security-Token"};

std::size_t count_fields(const http::Request& request, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      request.fields, [&](const http::Field& field) { return equals_ignoring_case(field.name, name); }));
}

// The raw values of one query parameter.
std::size_t find_parameter(std::string_view query, std::string_view name, std::string_view& value) {
  std::size_t found = 0;
  while (!query.empty()) {
    auto end = query.find('&');
    auto parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    auto equals = parameter.find('=');
    if (parameter.substr(0, equals) != name) continue;
    if (found++ == 0) value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  }
  return found;
}

bool is_presigned(const http::Request& request) {
  std::string_view value;
  return find_parameter(request.query, "X-Amz-Algorithm", value) > 0 ||
         find_parameter(request.query, "X-Amz-Signature", value) > 0;
}

// KEY/DATE/REGION/SERVICE/aws4_request; `slash` may be the encoded form. A key id may hold slashes: the last four
// count.
bool split_credential(std::string_view credential, std::string_view& key, Scope& scope, std::string_view slash = "/") {
  std::array<std::string_view, 4> last;
  for (auto part = last.rbegin(); part != last.rend(); ++part) {
    auto at = credential.rfind(slash);
    if (at == std::string_view::npos) return false;
    *part = credential.substr(at + slash.size());
    credential = credential.substr(0, at);
  }
  key = credential;
  scope = {last[0], last[1], last[2]};
  return last[3] == kTerminator && !key.empty() && key.size() <= 128 && last[0].size() == 8 && !last[1].empty() &&
         !last[2].empty();
}

// The Name=Value pairs behind the algorithm.
bool split_authorization(std::string_view text, std::string_view& credential, std::string_view& headers,
                         std::string_view& signature) {
  if (!text.starts_with(kAlgorithm)) return false;
  text.remove_prefix(kAlgorithm.size());
  if (!text.starts_with(' ')) return false;
  while (!text.empty()) {
    auto end = text.find(',');
    auto pair = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    auto equals = pair.find('=');
    if (equals == std::string_view::npos) return false;
    auto name = pair.substr(0, equals);
    auto* place = name == "Credential"      ? &credential
                  : name == "SignedHeaders" ? &headers
                  : name == "Signature"     ? &signature
                                            : nullptr;
    if (place == nullptr || !place->empty()) return false;
    *place = pair.substr(equals + 1);
  }
  return !credential.empty() && !headers.empty() && !signature.empty();
}

std::expected<Claim, Refusal> claim_of_header(const http::Request& request, const SigV4Rules& rules) {
  Claim claim;
  std::string_view credential;
  if (count_fields(request, "authorization") != 1) {
    return refuse(rules, Fault::Incomplete, "There must be exactly one Authorization header.");
  }
  if (!split_authorization(request.field("authorization"), credential, claim.signed_headers, claim.signature)) {
    return refuse(rules, Fault::Incomplete,
                  "Authorization header must be 'AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...', "
                  "with each of the three parameters once.");
  }
  if (!split_credential(credential, claim.access_key, claim.scope)) {
    return refuse(
        rules, Fault::Incomplete,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" +
            std::string(credential) + "'");
  }
  claim.time = request.field("x-amz-date");
  if (claim.time.empty()) claim.time = request.field("date");
  if (claim.time.empty()) {
    return refuse(rules, Fault::Incomplete,
                  "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  if (count_fields(request, "x-amz-date") > 1 || count_fields(request, "x-amz-security-token") > 1 ||
      count_fields(request, "x-amz-content-sha256") > 1) {
    return refuse(rules, Fault::Incomplete,
                  "X-Amz-Date, X-Amz-Security-Token and X-Amz-Content-Sha256 may be there once only.");
  }
  claim.token = request.field("x-amz-security-token");
  return claim;
}

std::expected<Claim, Refusal> claim_of_query(const http::Request& request, const SigV4Rules& rules) {
  Claim claim;
  for (std::size_t i = 0; i < kParameters.size(); ++i) {
    std::string_view raw;
    auto count = find_parameter(request.query, kParameters[i], raw);
    bool needed = kParameters[i] != "X-Amz-Security-Token";
    auto value = percent_decode(raw);
    if (count > 1 || (needed && count == 0) || !value) {
      return refuse(rules, Fault::Incomplete,
                    "A presigned request must have the query parameter '" + std::string(kParameters[i]) +
                        "' exactly once, percent-encoded.");
    }
    claim.owned[i] = std::move(*value);
  }
  const auto& owned = claim.owned;
  if (owned[0] != kAlgorithm) {
    return refuse(rules, Fault::Incomplete, "X-Amz-Algorithm must be 'AWS4-HMAC-SHA256', got '" + owned[0] + "'");
  }
  std::int64_t expires = -1;
  auto [end, error] = std::from_chars(owned[3].data(), owned[3].data() + owned[3].size(), expires);
  if (error != std::errc() || end != owned[3].data() + owned[3].size() || expires < 1 || expires > kMaxExpires) {
    bool s3 = rules.wording == SigV4Wording::S3;
    return refuse(rules, s3 ? Fault::Expired : Fault::Incomplete,
                  "X-Amz-Expires must be a number of seconds from 1 to 604800, got '" + owned[3] + "'");
  }
  claim.expires = expires;
  return claim;
}

// In place, since the claim's own texts move with it.
bool bind_query_claim(Claim& claim) {
  if (!claim.expires) return true;
  claim.time = claim.owned[2];
  claim.signed_headers = claim.owned[4];
  claim.signature = claim.owned[5];
  claim.token = claim.owned[6];
  return split_credential(claim.owned[1], claim.access_key, claim.scope);
}

// "20260101T000500Z (20260101T001000Z - 5 min.)", as AWS writes it.
std::string bound_text(WallTime now, std::chrono::seconds distance, char sign) {
  auto bound = sign == '-' ? now - distance : now + distance;
  return format_time(bound) + " (" + format_time(now) + " " + sign + " " + std::to_string(distance.count() / 60) +
         " min.)";
}

Answer<bool> check_time(const Claim& claim, const SigV4Rules& rules, WallTime now) {
  auto time = parse_time(claim.time);
  if (!time) {
    return refuse(rules, Fault::Incomplete,
                  "Date must be in ISO-8601 'basic format'. Got '" + std::string(claim.time) + "'.");
  }
  if (claim.time.substr(0, 8) != claim.scope.date) {
    return refuse(rules, Fault::WrongSignature,
                  "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
                      std::string(claim.scope.date) + "' != '" + std::string(claim.time.substr(0, 8)) + "', from '" +
                      std::string(claim.time) + "'.");
  }
  auto past = claim.expires ? std::chrono::seconds(*claim.expires) : rules.skew;
  if (*time < now - past) {
    return refuse(
        rules, claim.expires ? Fault::Expired : Fault::Skewed,
        "Signature expired: " + std::string(claim.time) + " is now earlier than " + bound_text(now, past, '-'));
  }
  if (*time > now + rules.skew) {
    return refuse(rules, Fault::Skewed,
                  "Signature not yet current: " + std::string(claim.time) + " is still later than " +
                      bound_text(now, rules.skew, '+'));
  }
  return true;
}

Answer<bool> check_scope(const Claim& claim, const SigV4Rules& rules) {
  if (claim.scope.service != rules.service) {
    return refuse(rules, Fault::WrongSignature,
                  "Credential should be scoped to correct service: '" + rules.service + "'.");
  }
  if (!rules.region.empty() && claim.scope.region != rules.region) {
    return refuse(rules, Fault::WrongSignature,
                  "Credential should be scoped to a valid region, expected '" + rules.region + "'.");
  }
  return true;
}

// The names, checked: lower case, sorted, once each, `host` among them, and every x-amz- header of the request.
Answer<std::vector<std::string_view>> signed_names(const http::Request& request, const Claim& claim,
                                                   const SigV4Rules& rules) {
  std::vector<std::string_view> names;
  auto rest = claim.signed_headers;
  while (true) {
    auto end = rest.find(';');
    auto name = rest.substr(0, end);
    bool lower = std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (name.empty() || !lower || (!names.empty() && name <= names.back()) || names.size() == kMaxSignedHeaders) {
      return refuse(rules, Fault::Incomplete,
                    "SignedHeaders must be lower-case names, sorted, separated by ';', each once, got '" +
                        std::string(claim.signed_headers) + "'");
    }
    names.push_back(name);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (!std::ranges::binary_search(names, std::string_view("host"))) {
    return refuse(rules, Fault::NotSigned, "'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const auto& field : request.fields) {
    auto name = to_lower(field.name);
    if (name.starts_with("x-amz-") && !std::ranges::binary_search(names, std::string_view(name))) {
      return refuse(rules, Fault::NotSigned,
                    "The header '" + name + "' must be among the SignedHeaders in the AWS Authorization.");
    }
  }
  return names;
}

bool is_hash(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// What stands for the body in the canonical request; `marker` is set when that is not its hash.
Answer<std::string> payload_hash(const http::Request& request, const Claim& claim, const SigV4Rules& rules,
                                 std::string& marker) {
  auto given = request.field("x-amz-content-sha256");
  bool s3 = rules.wording == SigV4Wording::S3;
  if (given.empty() && s3 && claim.expires) given = kUnsigned;
  if (given.empty() && s3) {
    return refuse(rules, Fault::Incomplete, "Missing required header for this request: x-amz-content-sha256");
  }
  if (request.stream != nullptr && s3 && is_hash(given)) {
    // The body is still to come: the service compares it.
    marker = given;
    return std::string(given);
  }
  auto actual = [&] { return to_hex(sha256(request.body)); };
  if (given.empty()) return actual();
  if (is_hash(given)) {
    if (given != actual()) {
      return refuse(rules, Fault::WrongBody,
                    "The provided 'x-amz-content-sha256' header does not match what was computed.");
    }
    return std::string(given);
  }
  bool known = given == kUnsigned || given.starts_with("STREAMING-");
  if (!known || rules.unhashed == UnhashedPayload::Refused) {
    return refuse(
        rules, Fault::WrongBody,
        "x-amz-content-sha256 must be the SHA-256 of the body in lower-case hexadecimal" +
            std::string(rules.unhashed == UnhashedPayload::Accepted ? ", UNSIGNED-PAYLOAD or a STREAMING- value" : "") +
            ", got '" + std::string(given) + "'");
  }
  marker = given;
  return std::string(given);
}

}  // namespace

SigV4Rules sigv4_rules(std::string_view service) {
  SigV4Rules rules;
  rules.service = service;
  if (service == "s3") {
    rules.wording = SigV4Wording::S3;
    rules.path = PathEncoding::Once;
    rules.unhashed = UnhashedPayload::Accepted;
    rules.skew = std::chrono::minutes(15);
    return rules;
  }
  for (std::string_view query : {"cloudformation", "sts", "iam", "sns", "monitoring", "email", "autoscaling"}) {
    if (service == query) rules.wording = SigV4Wording::Query;
  }
  return rules;
}

bool has_sigv4(const http::Request& request) {
  return request.field("authorization").starts_with("AWS4-") || is_presigned(request);
}

namespace {

// What a request says of who signed it and for what; false if it says nothing.
bool read_credential(const http::Request& request, std::string_view& key, Scope& scope) {
  std::string_view credential;
  std::string_view ignored_headers;
  std::string_view ignored_signature;
  if (split_authorization(request.field("authorization"), credential, ignored_headers, ignored_signature)) {
    return split_credential(credential, key, scope);
  }
  if (find_parameter(request.query, "X-Amz-Credential", credential) != 1) return false;
  for (std::string_view slash : {"%2F", "%2f", "/"}) {
    if (split_credential(credential, key, scope, slash)) return true;
  }
  return false;
}

}  // namespace

std::string_view sigv4_service(const http::Request& request) {
  std::string_view key;
  Scope scope;
  return read_credential(request, key, scope) ? scope.service : std::string_view();
}

std::string_view sigv4_access_key(const http::Request& request) {
  std::string_view key;
  Scope scope;
  return read_credential(request, key, scope) ? key : std::string_view();
}

Answer<Identity> SigV4Verifier::verify(const http::Request& request, const SigV4Rules& rules) {
  bool presigned = is_presigned(request);
  bool signed_by_header = count_fields(request, "authorization") > 0;
  if (!presigned && !signed_by_header) return refuse(rules, Fault::Missing, "Missing Authentication Token");
  if (presigned && signed_by_header) {
    return refuse(rules, Fault::Incomplete, "Only one auth mechanism allowed: the Authorization header or the query.");
  }
  auto claim = presigned ? claim_of_query(request, rules) : claim_of_header(request, rules);
  if (!claim) return std::unexpected(std::move(claim).error());
  if (!bind_query_claim(*claim)) {
    return refuse(rules, Fault::Incomplete,
                  "X-Amz-Credential must have exactly 5 slash-delimited elements, e.g. "
                  "keyid/date/region/service/term, got '" +
                      claim->owned[1] + "'");
  }
  auto now = clock_.wall();
  VIRGA_OR_REFUSE([[maybe_unused]] bool scoped, check_scope(*claim, rules));
  VIRGA_OR_REFUSE([[maybe_unused]] bool timely, check_time(*claim, rules, now));
  VIRGA_OR_REFUSE(auto names, signed_names(request, *claim, rules));
  Identity identity;
  VIRGA_OR_REFUSE(auto hash, payload_hash(request, *claim, rules, identity.payload));
  auto fields = canonical_fields(request.fields, names);
  if (!fields) {
    return refuse(rules, Fault::NotSigned, "SignedHeaders names a header that the request does not have.");
  }

  auto path = canonical_path(request.path, rules.path);
  auto query = canonical_query(request.query, presigned ? "X-Amz-Signature" : "");
  CanonicalParts parts{request.method, path, query, *fields, claim->signed_headers, hash};
  auto text = string_to_sign(claim->time, claim->scope, canonical_request(parts));

  // Known or not, cached or not: a wrong signature costs four derivations and one signature.
  auto key = find_(claim->access_key);
  std::string place(claim->access_key);
  place.append("/").append(claim->scope.text());
  auto cached = signing_keys_.find(place);
  bool usable = key && cached != signing_keys_.end() && equals_in_constant_time(cached->second.secret, key->secret);
  auto derived = usable ? cached->second.key : signing_key(key ? key->secret : "an unknown key", claim->scope);
  bool right = equals_in_constant_time(signature(derived, text), claim->signature) && key.has_value();
  if (!right && usable) derived = signing_key(key->secret, claim->scope);
  if (!right) {
    return refuse(rules, Fault::WrongSignature,
                  "The request signature we calculated does not match the signature you provided, or the access key "
                  "id is not known here. Check your AWS access key id, secret access key and signing method.");
  }
  if (!equals_in_constant_time(claim->token, key->session_token)) {
    return refuse(rules, Fault::WrongToken, "The security token included in the request is invalid.");
  }
  if (key->expires && *key->expires <= now) {
    return refuse(rules, Fault::ExpiredToken, "The security token included in the request is expired.");
  }
  if (!usable) {
    if (signing_keys_.size() >= kMaxSigningKeys) signing_keys_.clear();
    signing_keys_.insert_or_assign(place, CachedKey{key->secret, derived});
  }
  identity.access_key = claim->access_key;
  identity.function = std::move(key->function);
  identity.region = claim->scope.region;
  identity.service = claim->scope.service;
  identity.date = claim->scope.date;
  identity.signature = claim->signature;
  identity.signing_key = derived;
  return identity;
}

}  // namespace virga::dialects::aws
