#pragma once

#include <string>

#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/http/message.h"

namespace virga::dialects::aws {

// The part of AWS STS (Query protocol, XML answers, botocore sts/2011-06-15) that clients ask to learn who they are:
// GetCallerIdentity. One loop.
class StsApi {
 public:
  explicit StsApi(Account account) : account_(std::move(account)) {}

  // The caller is proven already. POST with a form, or GET with a query.
  http::Response handle(const http::Request& request, const Identity& identity, const std::string& request_id) const;

  // An error in this protocol's form.
  static http::Response respond(const Refusal& refusal, const std::string& request_id);

 private:
  Account account_;
};

}  // namespace virga::dialects::aws
