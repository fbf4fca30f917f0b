#include "virga/dialects/aws/sts/sts_api.h"

#include <fmt/format.h>

#include "virga/dialects/aws/query.h"

namespace virga::dialects::aws {
namespace {

constexpr std::string_view kNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

// Character data of XML 1.0, in which control characters cannot stand at all.
std::string escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      auto byte = static_cast<unsigned char>(c);
      escaped += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
  }
  return escaped;
}

}  // namespace

http::Response StsApi::respond(const Refusal& refusal, const std::string& request_id) {
  return http::Response::make(
      refusal.status, "text/xml",
      fmt::format("<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>"
                  "<RequestId>{}</RequestId></ErrorResponse>",
                  kNamespace, escape(refusal.code), escape(refusal.message), request_id));
}

http::Response StsApi::handle(const http::Request& request, const Identity& identity,
                              const std::string& request_id) const {
  Query parameters(request.method == "POST" ? request.body : request.query);
  std::string_view action = parameters.find("Action").value_or("");
  if (action != "GetCallerIdentity") {
    bool missing = action.empty();
    return respond(
        {400,
         missing ? "MissingAction" : "InvalidAction",
         missing ? std::string("The request names no Action.")
                 : fmt::format("Virga does not implement the STS action {} yet, only GetCallerIdentity.", action),
         {}},
        request_id);
  }
  return http::Response::make(
      200, "text/xml",
      fmt::format("<GetCallerIdentityResponse xmlns=\"{}\"><GetCallerIdentityResult><Arn>arn:aws:iam::{}:root</Arn>"
                  "<UserId>{}</UserId><Account>{}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>{}"
                  "</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
                  kNamespace, account_.id, escape(identity.access_key), account_.id, request_id));
}

}  // namespace virga::dialects::aws
