#pragma once

#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/dialects/aws/service.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/http/message.h"
#include "virga/http/server.h"
#include "virga/io/task.h"

namespace virga::dialects::aws {

// Every AWS API at one address: proves the signature, then hands the request to the service that its scope names. One
// loop.
class AwsApi {
 public:
  // All of these outlive it.
  struct Parts {
    SigV4Verifier& verifier;
    std::vector<Service*> services;
    const Clock& clock;
    Random& random;
    metrics::Registry& metrics;
  };
  explicit AwsApi(Parts parts);

  // Every response carries x-amzn-RequestId.
  io::Task<http::Response> handle(const http::Request& request);

  std::uint64_t body_limit(const http::Request& head) const;
  // The same as an admission; a longer body is refused in AWS's form before it is read.
  http::Admission admit(const http::Request& head) const;

 private:
  io::Task<http::Response> answer(const http::Request& request, std::string request_id);
  Service* find(std::string_view scope) const;  // null: there is none
  // The service that a request is for, before anything is proven; null: there is none.
  Service* service_of(const http::Request& head) const;

  Parts parts_;
  Figures figures_;
};

}  // namespace virga::dialects::aws
