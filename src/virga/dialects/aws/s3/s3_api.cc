#include "virga/dialects/aws/s3/s3_api.h"

#include <fmt/format.h>

#include "virga/dialects/aws/s3/cors.h"
#include "virga/dialects/aws/s3/form.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/s3/post_form.h"
#include "virga/dialects/aws/s3/sigv2.h"
#include "virga/dialects/aws/s3/website.h"

namespace virga::dialects::aws {

using namespace s3;

namespace {

// 5 GiB, and what the coding in chunks adds.
constexpr std::uint64_t kMostBytes = (std::uint64_t{5} << 30) + (std::uint64_t{128} << 20);

}  // namespace

S3Api::S3Api(Parts parts)
    : services_{parts.objects, parts.loop, parts.targets, parts.clock, parts.account, std::move(parts.find_key)},
      notifications_(parts.targets, parts.account) {
  parts.objects.listen(notifications_);
}

std::uint64_t S3Api::body_limit(const http::Request&) const {
  return kMostBytes;
}

http::Response S3Api::refuse(const http::Request& request, const Refusal& refusal,
                             const std::string& request_id) const {
  return error_response(refusal, request.path, request_id);
}

bool S3Api::takes_unsigned(const http::Request& head) const {
  auto target = target_of(head);
  if (target.in_host) return true;
  if (has_sigv2(head)) return true;
  return !target.bucket.empty() && services_.objects.find_bucket(target.bucket) != nullptr;
}

http::Response S3Api::finish(http::Response response, const Call& call) const {
  response.add("x-amz-request-id", call.request_id());
  response.add("x-amz-id-2", call.request_id());
  if (call.field("origin").empty()) return response;
  if (auto bucket = services_.objects.find_bucket(call.bucket())) apply_cors(response, *bucket, call.request());
  return response;
}

io::Task<http::Response> S3Api::run(Call call, Target target) {
  const auto& request = call.request();
  const auto* operation = find_operation(request, target);
  Answer<http::Response> answered;
  if (operation == nullptr) {
    answered = s3::refuse(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
  } else if (operation->answer == nullptr) {
    answered = s3::refuse(501, "NotImplemented",
                          fmt::format("Virga does not implement the S3 operation {} yet.", operation->name));
  } else {
    answered = co_await operation->answer(call);
  }
  auto response = answered ? std::move(*answered) : refuse(request, answered.error(), call.request_id());
  co_return finish(counted(operation == nullptr ? kUnknownOperation : operation->name, std::move(response)), call);
}

io::Task<http::Response> S3Api::answer(const http::Request& request, const Identity& identity, std::string request_id) {
  auto target = target_of(request);
  Call call(services_, request, identity, target, std::move(request_id));
  co_return co_await run(std::move(call), std::move(target));
}

io::Task<http::Response> S3Api::answer_unsigned(const http::Request& request, std::string request_id) {
  auto target = target_of(request);
  Identity nobody;
  Call call(services_, request, nobody, target, request_id);
  if (target.is_website) {
    auto shown = co_await answer_website(call);
    co_return counted("Website", std::move(shown));
  }
  if (request.method == "OPTIONS") {
    auto bucket = services_.objects.find_bucket(target.bucket);
    co_return answer_preflight(bucket.get(), request, request_id);
  }
  if (has_sigv2(request)) {
    auto identity = verify_sigv2(request, target, services_.find_key, services_.clock.wall());
    if (!identity) co_return refuse(request, identity.error(), request_id);
    Call proven(services_, request, *identity, target, std::move(request_id));
    co_return co_await run(std::move(proven), std::move(target));
  }
  if (request.method == "POST" && target.key.empty() && FormDecoder::boundary_of(request.field("content-type"))) {
    auto posted = co_await post_object(call);
    auto response = posted ? std::move(*posted) : refuse(request, posted.error(), request_id);
    co_return finish(counted("PostObject", std::move(response)), call);
  }
  auto denied = s3::refuse(403, "AccessDenied", "Access Denied: sign the request with an access key.");
  co_return finish(refuse(request, denied.error(), request_id), call);
}

}  // namespace virga::dialects::aws
