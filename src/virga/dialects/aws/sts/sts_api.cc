#include "virga/dialects/aws/sts/sts_api.h"

#include <fmt/format.h>

#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws {
namespace {

constexpr std::string_view kNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

}  // namespace

http::Response StsApi::refuse(const http::Request&, const Refusal& refusal, const std::string& request_id) const {
  std::string body;
  {
    XmlElement response(body, "ErrorResponse", kNamespace);
    {
      XmlElement error(response, "Error");
      error.add("Type", "Sender").add("Code", refusal.code).add("Message", refusal.message);
    }
    response.add("RequestId", request_id);
  }
  return http::Response::make(refusal.status, "text/xml", std::move(body));
}

io::Task<http::Response> StsApi::answer(const http::Request& request, const Identity& identity,
                                        std::string request_id) {
  Query parameters(request.method == "POST" ? request.body : request.query);
  std::string_view action = parameters.find("Action").value_or("");
  if (action != "GetCallerIdentity") {
    bool missing = action.empty();
    Refusal refusal{
        400,
        missing ? "MissingAction" : "InvalidAction",
        missing ? std::string("The request names no Action.")
                : fmt::format("Virga does not implement the STS action {} yet, only GetCallerIdentity.", action),
        {}};
    co_return counted(kUnknownOperation, refuse(request, refusal, request_id));
  }
  std::string body;
  {
    XmlElement response(body, "GetCallerIdentityResponse", kNamespace);
    {
      XmlElement result(response, "GetCallerIdentityResult");
      result.add("Arn", caller_arn(account_, identity.function))
          .add("UserId", identity.access_key)
          .add("Account", account_.id);
    }
    XmlElement metadata(response, "ResponseMetadata");
    metadata.add("RequestId", request_id);
  }
  co_return counted("GetCallerIdentity", http::Response::make(200, "text/xml", std::move(body)));
}

}  // namespace virga::dialects::aws
