#include <fmt/format.h>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/lambda/shapes.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Versions: publish and list.
namespace virga::dialects::aws::lambda {

io::Task<http::Response> publish_version(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  catalog::PublishVersion publish;
  publish.code_sha256 = members.text("CodeSha256", {0, 256});
  publish.description = members.text("Description", {0, 256});
  if (auto revision = members.text("RevisionId", {0, 256})) publish.revision = model::RevisionId(*revision);
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string current = model::code_sha256(resolved.version->package.id);
  if (publish.code_sha256 && *publish.code_sha256 != current) {
    co_return respond(invalid_parameter(
        fmt::format("CodeSHA256 ({}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the "
                    "CodeSHA256 in $LATEST.",
                    *publish.code_sha256, current)));
  }
  std::function<Result<catalog::VersionPointer>(catalog::Catalog&)> change =
      [name = function.name, publish = std::move(publish)](catalog::Catalog& catalog) {
        return catalog.publish_version(name, publish);
      };
  auto version = co_await call.mutate(std::move(change));
  if (!version) co_return respond(version.error());
  co_return json_response(201, configuration(call.account(), **version));
}

io::Task<http::Response> list_versions_by_function(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(PageRequest page, page_request(call.query(), 10000));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  model::VersionNumber after;
  if (!page.marker.empty()) {
    auto number = parse_version(page.marker);
    if (!number) co_return respond(invalid_parameter("'" + page.marker + "' is no Marker of this list."));
    after = *number;
  }
  std::string body;
  {
    json::Object object(body);
    std::size_t given = 0;
    std::string last = "$LATEST";
    auto next = resolved.function->published.upper_bound(after);
    {
      json::Array versions(object.open("Versions"));
      if (page.marker.empty()) {
        append_configuration(versions.open(), call.account(), *resolved.function->latest, "$LATEST");
        ++given;
      }
      for (; next != resolved.function->published.end() && given < page.limit; ++next, ++given) {
        last = next->first.text();
        append_configuration(versions.open(), call.account(), *next->second, last);
      }
    }
    if (next != resolved.function->published.end()) object.add("NextMarker", last);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
