#include "virga/dialects/aws/aws_api.h"

#include <fmt/format.h>

#include <charconv>

#include "virga/base/id.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kUnsignedBody = 64 << 10;  // bytes that are read of a request that will be refused anyway
constexpr std::size_t kQueryBody = 1 << 20;

}  // namespace

std::size_t AwsApi::body_limit(const http::Request& head) const {
  if (!has_sigv4(head)) return kUnsignedBody;
  return sigv4_service(head) == "lambda" ? parts_.lambda.body_limit(head) : kQueryBody;
}

http::Admission AwsApi::admit(const http::Request& head) const {
  http::Admission admission;
  admission.max_body = body_limit(head);
  std::string_view text = head.field("content-length");
  std::uint64_t length = 0;
  std::from_chars(text.data(), text.data() + text.size(), length);
  if (length > admission.max_body) {
    admission.refusal = respond(
        Refusal{413,
                "RequestEntityTooLargeException",
                fmt::format("The request has {} bytes; this operation takes at most {}.", length, admission.max_body),
                {}});
  }
  return admission;
}

io::Task<http::Response> AwsApi::answer(const http::Request& request, std::string request_id) {
  if (!has_sigv4(request)) {
    Refusal refusal{403,
                    "MissingAuthenticationTokenException",
                    "Missing Authentication Token: sign the request with an access key (AWS Signature Version 4). "
                    "Functions answer unsigned requests at /fn/NAME/ if they have a URL.",
                    {}};
    co_return respond(refusal);
  }
  std::string service(sigv4_service(request));
  auto identity = parts_.verifier.verify(request, sigv4_rules(service));
  if (service == "sts") {
    if (!identity) co_return StsApi::respond(identity.error(), request_id);
    co_return parts_.sts.handle(request, *identity, request_id);
  }
  if (!identity) co_return respond(identity.error());
  if (service != "lambda") {
    Refusal refusal{400,
                    "UnsupportedOperationException",
                    fmt::format("Virga does not serve the AWS service '{}' yet, only lambda and sts.", service),
                    {}};
    co_return respond(refusal);
  }
  auto response = co_await parts_.lambda.handle(request, std::move(request_id));
  co_return response;
}

io::Task<http::Response> AwsApi::handle(const http::Request& request) {
  std::string request_id = make_ordered_uuid(parts_.clock.wall(), parts_.random);
  auto response = co_await answer(request, request_id);
  response.add("x-amzn-RequestId", request_id);
  co_return response;
}

}  // namespace virga::dialects::aws
