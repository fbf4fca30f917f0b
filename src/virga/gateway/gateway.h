#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "virga/dialects/aws/aws_api.h"
#include "virga/dialects/aws/lambda/package_links.h"
#include "virga/dialects/aws/url/function_urls.h"
#include "virga/dialects/virga/virga_api.h"
#include "virga/http/server.h"
#include "virga/telemetry/metrics.h"

namespace virga::gateway {

// The public door: finds out who a request is for, by its host and its path. One loop.
//
//   NAME.fn.localhost/...      function URL
//   /fn/NAME/...               function URL
//   BUCKET.localhost/..., BUCKET.s3.localhost/..., BUCKET.website.localhost/...   an object's bucket
//   /healthz /readyz /metrics  about the daemon
//   /virga/v1/, /_virga/...    Virga's own API
//   everything else            vendors' APIs; today AWS's, told apart by the signature's scope
class Gateway final : public http::Handler {
 public:
  // All of these outlive the gateway.
  struct Parts {
    dialects::aws::FunctionUrls& urls;
    dialects::aws::AwsApi& aws;
    dialects::aws::PackageLinks& packages;
    dialects::VirgaApi& virga;
    metrics::Registry& metrics;
    std::function<bool()> is_ready;
  };
  explicit Gateway(Parts parts) : parts_(std::move(parts)) {}

  io::Task<http::Response> handle(const http::Request& request) override;
  http::Admission admit(const http::Request& head) override;

 private:
  Parts parts_;
};

// Where a function URL request goes: the function, and the path it sees. Public for its test.
struct FunctionTarget {
  std::string_view function;  // still percent-encoded; "" when the request is for no function
  std::string_view path;      // with its slash, or ""
};
FunctionTarget function_target(std::string_view host, std::string_view path);

}  // namespace virga::gateway
