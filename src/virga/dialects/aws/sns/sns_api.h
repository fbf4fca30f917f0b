#pragma once

#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/service.h"
#include "virga/services/topic/topics.h"

namespace virga::dialects::aws {

// SNS's API (Query protocol, XML answers, botocore sns/2010-03-31) on Virga's topics; its operations stand in
// sns/operations.cc. The two that messages carry links to, ConfirmSubscription and Unsubscribe, are taken unsigned as
// well: who has the token, or the subscription's id, was given it. One loop.
class SnsApi final : public Service {
 public:
  // All of these outlive it.
  struct Parts {
    services::Topics& topics;
    Random& random;
    const Clock& clock;
  };
  explicit SnsApi(Parts parts) : parts_(parts) {}

  std::string_view scope() const override { return "sns"; }
  bool takes_unsigned(const http::Request& request) const override;
  // POST with a form, or GET with a query.
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  io::Task<http::Response> answer_unsigned(const http::Request& request, std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::uint64_t body_limit(const http::Request&) const override { return 2 << 20; }

 private:
  io::Task<http::Response> run(Query query, const http::Request& request, std::string request_id);

  Parts parts_;
};

}  // namespace virga::dialects::aws
