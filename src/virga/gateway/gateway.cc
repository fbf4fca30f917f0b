#include "virga/gateway/gateway.h"

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/target.h"

namespace virga::gateway {
namespace {

constexpr std::string_view kFunctionPath = "/fn/";
constexpr std::string_view kFunctionHost = ".fn.localhost";

http::Response plain(int status, std::string body) {
  return http::Response::make(status, "text/plain; charset=utf-8", std::move(body));
}

// BUCKET.localhost and the like: the whole path is a key's.
bool names_bucket(std::string_view host) {
  bool is_website = false;
  return !dialects::aws::s3::bucket_in_host(host, is_website).empty();
}

}  // namespace

FunctionTarget function_target(std::string_view host, std::string_view path) {
  if (path.starts_with(kFunctionPath)) {
    path.remove_prefix(kFunctionPath.size());
    auto end = std::min(path.find('/'), path.size());
    return {path.substr(0, end), path.substr(end)};
  }
  host = host.substr(0, host.find(':'));
  if (host.size() <= kFunctionHost.size()) return {};
  auto at = host.size() - kFunctionHost.size();
  if (!equals_ignoring_case(host.substr(at), kFunctionHost)) return {};
  return {host.substr(0, at), path};
}

io::Task<http::Response> Gateway::handle(const http::Request& request) {
  auto target = function_target(request.field("Host"), request.path);
  if (!target.function.empty()) {
    auto response = co_await parts_.urls.handle(request, target.function, target.path);
    co_return response;
  }
  if (names_bucket(request.field("Host"))) {
    auto response = co_await parts_.aws.handle(request);
    co_return response;
  }
  auto path = request.path;
  if (path == "/healthz") co_return plain(200, "ok\n");
  if (path == "/readyz") co_return parts_.is_ready() ? plain(200, "ready\n") : plain(503, "starting\n");
  if (path == "/metrics") co_return http::Response::make(200, metrics::kExpositionType, parts_.metrics.expose());
  if (dialects::VirgaApi::takes(path)) {
    auto response = co_await parts_.virga.handle(request);
    co_return response;
  }
  if (path.starts_with(dialects::aws::PackageLinks::kPrefix)) {
    auto response = co_await parts_.packages.handle(request);
    co_return response;
  }
  auto response = co_await parts_.aws.handle(request);
  co_return response;
}

http::Admission Gateway::admit(const http::Request& head) {
  bool is_for_function = !function_target(head.field("Host"), head.path).function.empty();
  if (!is_for_function && names_bucket(head.field("Host"))) return parts_.aws.admit(head);
  if (is_for_function || dialects::VirgaApi::takes(head.path)) return {};
  if (head.path.starts_with(dialects::aws::PackageLinks::kPrefix)) return {};
  return parts_.aws.admit(head);
}

}  // namespace virga::gateway
