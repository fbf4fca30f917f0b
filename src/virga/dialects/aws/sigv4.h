#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "virga/base/clock.h"
#include "virga/base/hash.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/http/message.h"

namespace virga::dialects::aws {

// AWS Signature Version 4 (IAM User Guide, "AWS Signature Version 4 for API requests"; S3 API reference,
// "Authenticating Requests"). HMAC-SHA256 only: no AWS service that Virga speaks for needs the asymmetric form.

// The codes that the clients of a service expect.
enum class SigV4Wording {
  Json,   // "InvalidSignatureException": Lambda, SQS, EventBridge, DynamoDB
  Query,  // "SignatureDoesNotMatch", "InvalidClientTokenId": CloudFormation, STS, IAM, SNS
  S3,
};
enum class PathEncoding { Twice, Once };
enum class UnhashedPayload { Refused, Accepted };

// How one service wants to be signed for.
struct SigV4Rules {
  std::string service;  // that the scope must name
  std::string region;   // that the scope must name; "": any
  SigV4Wording wording = SigV4Wording::Json;
  PathEncoding path = PathEncoding::Twice;
  // UNSIGNED-PAYLOAD and the STREAMING-... markers, whose bodies the service must check itself.
  UnhashedPayload unhashed = UnhashedPayload::Refused;
  std::chrono::seconds skew{5 * 60};
};
SigV4Rules sigv4_rules(std::string_view service);

// What the owner of an access key knows.
struct AccessKey {
  std::string secret;
  std::string session_token;        // "": a long-lived key, which comes without a token
  std::optional<WallTime> expires;  // of a temporary key
  std::string function;             // whose it is; "": the root key
};
// The key of this id, or nothing. Called on the verifier's thread.
using FindAccessKey = std::function<std::optional<AccessKey>(std::string_view id)>;

struct Identity {
  std::string access_key;
  std::string function;  // as AccessKey's
  std::string region;
  std::string service;
  std::string date;  // YYYYMMDD of the scope
  // "": the body is proven; else what the service must check itself: the marker in place of its hash, or the hash, if
  // the body is still to be read.
  std::string payload;
  // Where the chain of a streaming body begins.
  std::string signature;
  Sha256Digest signing_key{};
};

// The service that a request says it is signed for, before anything is verified: what tells one endpoint's services
// apart. "" for a request without a version 4 signature. A view into the request.
std::string_view sigv4_service(const http::Request& request);

// The access key it says it is signed with, likewise. Proven only by a verifier.
std::string_view sigv4_access_key(const http::Request& request);

// True when the request carries a version 4 signature, in its Authorization header or its query.
bool has_sigv4(const http::Request& request);

// Proves who sent a request. An unknown key and a wrong signature are told in the same words after the same work, so
// that nobody learns which keys exist. One loop.
class SigV4Verifier {
 public:
  SigV4Verifier(FindAccessKey find, const Clock& clock) : find_(std::move(find)), clock_(clock) {}

  Answer<Identity> verify(const http::Request& request, const SigV4Rules& rules);

 private:
  struct CachedKey {
    std::string secret;
    Sha256Digest key;
  };
  FindAccessKey find_;
  const Clock& clock_;
  // Of signatures that were right, by "ID/DATE/REGION/SERVICE"; emptied when it is full.
  std::unordered_map<std::string, CachedKey> signing_keys_;
};

}  // namespace virga::dialects::aws
