#include "virga/dialects/aws/aws_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "virga/base/id.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kUnsignedBody = 64 << 10;  // bytes that are read of a request that will be refused anyway

}  // namespace

AwsApi::AwsApi(Parts parts) : parts_(std::move(parts)), figures_(parts_.metrics) {
  for (auto* service : parts_.services) service->count_in(figures_);
}

Service* AwsApi::find(std::string_view scope) const {
  auto found = std::ranges::find_if(parts_.services, [&](const Service* service) { return service->scope() == scope; });
  return found == parts_.services.end() ? nullptr : *found;
}

Service* AwsApi::service_of(const http::Request& head) const {
  if (has_sigv4(head)) return find(sigv4_service(head));
  auto found = std::ranges::find_if(parts_.services, [&](Service* service) { return service->takes_unsigned(head); });
  return found == parts_.services.end() ? nullptr : *found;
}

std::uint64_t AwsApi::body_limit(const http::Request& head) const {
  auto* service = service_of(head);
  return service == nullptr ? kUnsignedBody : service->body_limit(head);
}

http::Admission AwsApi::admit(const http::Request& head) const {
  http::Admission admission;
  auto* service = service_of(head);
  admission.max_body = service == nullptr ? kUnsignedBody : service->body_limit(head);
  if (service != nullptr) {
    admission.body = service->body_form();
    admission.order = service->order(head);
  }
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
  // Browsers ask before they use a presigned URL, with its signature, which is not for that.
  bool is_signed = has_sigv4(request) && request.method != "OPTIONS";
  auto* open = is_signed ? nullptr : service_of(request);
  if (open != nullptr && open->takes_unsigned(request)) {
    auto response = co_await open->answer_unsigned(request, std::move(request_id));
    co_return response;
  }
  if (!has_sigv4(request)) {
    Refusal refusal{403,
                    "MissingAuthenticationTokenException",
                    "Missing Authentication Token: sign the request with an access key (AWS Signature Version 4). "
                    "Functions answer unsigned requests at /fn/NAME/ if they have a URL.",
                    {}};
    co_return respond(refusal);
  }
  std::string scope(sigv4_service(request));
  auto* service = find(scope);
  auto identity = parts_.verifier.verify(request, sigv4_rules(scope));
  if (service == nullptr && identity) {
    std::string known;
    for (const auto* one : parts_.services) known.append(known.empty() ? "" : ", ").append(one->scope());
    Refusal refusal{400,
                    "UnsupportedOperationException",
                    fmt::format("Virga does not serve the AWS service '{}' yet, only {}.", scope, known),
                    {}};
    co_return respond(refusal);
  }
  if (!identity && service == nullptr) co_return respond(identity.error());
  if (!identity) co_return service->refuse(request, identity.error(), request_id);
  auto response = co_await service->answer(request, *identity, std::move(request_id));
  co_return response;
}

io::Task<http::Response> AwsApi::handle(const http::Request& request) {
  std::string request_id = make_ordered_uuid(parts_.clock.wall(), parts_.random);
  auto response = co_await answer(request, request_id);
  response.add("x-amzn-RequestId", request_id);
  co_return response;
}

}  // namespace virga::dialects::aws
