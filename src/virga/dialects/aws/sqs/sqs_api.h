#pragma once

#include <string>

#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/service.h"
#include "virga/dialects/aws/sqs/call.h"

namespace virga::dialects::aws {

// Amazon SQS (botocore sqs/2012-11-05), over AWS JSON 1.0 and over Query with XML, which clients from before 2023-11
// speak. Requests may go to "/" or to a queue's URL. Every operation is known: one that is not built answers an error
// that names it. One loop.
class SqsApi final : public Service {
 public:
  explicit SqsApi(sqs::Services services) : services_(std::move(services)) {}

  std::string_view scope() const override { return "sqs"; }
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  // Ten messages of 1 MiB in all, each byte written as three in a form.
  std::size_t body_limit(const http::Request&) const override { return 4 << 20; }

 private:
  sqs::Services services_;
};

}  // namespace virga::dialects::aws
