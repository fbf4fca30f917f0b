#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/load/target.h"
#include "virga/base/clock.h"
#include "virga/base/hash.h"

namespace virga::load {

// What a request is, before it is written for a moment.
struct Draft {
  std::string method = "POST";
  std::string path = "/";                                   // as it is sent; of characters that need no encoding
  std::vector<std::pair<std::string, std::string>> fields;  // lower-case names
  std::string_view body;                                    // outlives the draft
};

// Writes the heads of requests to one service, signed with AWS Signature Version 4 (IAM User Guide, "AWS Signature
// Version 4 for API requests"). The key that signs is derived once a day, so a signature costs two hashes and a HMAC.
// One thread.
class Signer {
 public:
  static constexpr std::string_view kRegion = "us-east-1";

  // An empty service: nothing is signed. The target outlives it.
  Signer(const Target& target, std::string service, std::string access_key, std::string secret);

  // The head of the draft with its Host and length. Amazon S3 wants the body's hash in a field of its own.
  std::string head(const Draft& draft, WallTime now);

 private:
  const Target& target_;
  std::string service_;
  std::string access_key_;
  std::string secret_;
  std::string day_;
  Sha256Digest key_{};
};

}  // namespace virga::load
