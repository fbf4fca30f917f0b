#pragma once

#include <string>

#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/service.h"

namespace virga::dialects::aws {

// The part of AWS STS (Query protocol, XML answers, botocore sts/2011-06-15) that clients ask to learn who they are:
// GetCallerIdentity. One loop.
class StsApi final : public Service {
 public:
  explicit StsApi(Account account) : account_(std::move(account)) {}

  std::string_view scope() const override { return "sts"; }
  // POST with a form, or GET with a query.
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::uint64_t body_limit(const http::Request&) const override { return 64 << 10; }

 private:
  Account account_;
};

}  // namespace virga::dialects::aws
