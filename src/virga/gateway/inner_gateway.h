#pragma once

#include "virga/dialects/aws/aws_api.h"
#include "virga/dialects/aws/url/function_urls.h"
#include "virga/http/server.h"

namespace virga::gateway {

// The door on the inside: what functions may ask for, each from its own loopback. Function URLs and vendors' APIs, as
// the public door has them; nothing about the daemon. One loop.
class InnerGateway final : public http::Handler {
 public:
  // Both outlive the gateway.
  InnerGateway(dialects::aws::FunctionUrls& urls, dialects::aws::AwsApi& aws) : urls_(urls), aws_(aws) {}

  io::Task<http::Response> handle(const http::Request& request) override;
  http::Admission admit(const http::Request& head) override;

 private:
  dialects::aws::FunctionUrls& urls_;
  dialects::aws::AwsApi& aws_;
};

}  // namespace virga::gateway
