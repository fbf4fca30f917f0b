#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/lambda/shapes.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Aliases: names for versions.
namespace virga::dialects::aws::lambda {
namespace {

using Additional = model::Alias::Additional;

enum class Purpose { Create, Update };

struct AliasRequest {
  std::string name;
  std::optional<model::VersionNumber> version;
  std::optional<std::string> description;
  std::optional<std::optional<Additional>> additional;  // not set: not mentioned
  std::optional<model::RevisionId> revision;
};

std::optional<Additional> read_weights(const boost::json::object& routing, Violations& violations) {
  static constexpr std::string_view kLabel = "routingConfig.additionalVersionWeights";
  auto weights = routing.if_contains("AdditionalVersionWeights");
  if (weights == nullptr || weights->is_null()) return std::nullopt;
  auto map = weights->if_object();
  if (map == nullptr || map->size() > 1) {
    violations.add_wrong_type(kLabel, "an object with at most one version and its weight");
    return std::nullopt;
  }
  if (map->empty()) return std::nullopt;
  const auto& entry = *map->begin();
  std::string number(entry.key().data(), entry.key().size());
  auto version = parse_version(number);
  if (!version || version->is_latest()) {
    violations.add(kLabel, number,
                   "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]+]");
    return std::nullopt;
  }
  boost::json::error_code problem;
  double weight = entry.value().to_number<double>(problem);
  if (problem || !std::isfinite(weight) || weight < 0 || weight > 1) {
    violations.add(kLabel, number, "Map values must be numbers between 0.0 and 1.0");
    return std::nullopt;
  }
  return Additional{*version, weight};
}

Answer<AliasRequest> read_alias(std::string_view body, Purpose purpose) {
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  AliasRequest request;
  if (purpose == Purpose::Create) {
    members.require("Name");
    members.require("FunctionVersion");
  }
  if (auto name = members.text("Name", {1, 128}); name && purpose == Purpose::Create) {
    bool digits = name->find_first_not_of("0123456789") == std::string::npos;
    if (!is_name(*name) || digits) {
      violations.add("name", *name, "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)");
    }
    request.name = *name;
  }
  if (auto text = members.text("FunctionVersion", {1, 1024})) {
    request.version = parse_version(*text);
    if (!request.version) {
      violations.add("functionVersion", *text, "Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)");
    }
  }
  request.description = members.text("Description", {0, 256});
  if (auto routing = members.object("RoutingConfig")) request.additional = read_weights(*routing, violations);
  if (auto revision = members.text("RevisionId", {0, 256})) request.revision = model::RevisionId(*revision);
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  return request;
}

Refusal alias_not_found(const Call& call, const FunctionReference& function, std::string_view alias) {
  return not_found("Cannot find alias arn: " + function_arn(call.account(), function.name, alias));
}

// Calls through an alias that is in use wait for no start when it names another version: that has an instance before.
io::Task<void> warm(Call call, catalog::FunctionPointer entry, model::Alias before, catalog::UpdateAlias update) {
  std::vector<model::VersionNumber> known = {before.version};
  if (before.additional) known.push_back(before.additional->version);
  std::vector<model::VersionNumber> named;
  if (update.version) named.push_back(*update.version);
  if (update.additional && *update.additional) named.push_back((*update.additional)->version);
  auto used = entry->version(before.version);
  for (const auto& number : named) {
    if (std::ranges::find(known, number) != known.end()) continue;
    auto version = entry->version(number);
    if (version == nullptr || used == nullptr) continue;
    co_await call.services().invoker.warm(std::move(version), used);
  }
}

http::Response alias_response(const Call& call, int status, const model::Alias& alias) {
  std::string body;
  append_alias(body, call.account(), alias);
  return json_response(status, std::move(body));
}

}  // namespace

io::Task<http::Response> create_alias(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(AliasRequest request, read_alias(call.request().body, Purpose::Create));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  catalog::CreateAlias create{model::AliasName(request.name), *request.version, request.description.value_or(""),
                              request.additional.value_or(std::nullopt)};
  std::function<Result<model::Alias>(catalog::Catalog&)> change =
      [name = function.name, create = std::move(create)](catalog::Catalog& catalog) {
        return catalog.create_alias(name, create);
      };
  auto alias = co_await call.mutate(std::move(change));
  if (!alias && alias.error().code() == ErrorCode::AlreadyExists) {
    co_return respond(conflict("Alias already exists: " + function_arn(call.account(), function.name, request.name)));
  }
  if (!alias) co_return respond(alias.error());
  co_return alias_response(call, 201, *alias);
}

io::Task<http::Response> get_alias(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string name = call.segment(1);
  auto place = resolved.function->aliases.find(model::AliasName(name));
  if (place == resolved.function->aliases.end()) co_return respond(alias_not_found(call, function, name));
  co_return alias_response(call, 200, place->second);
}

io::Task<http::Response> update_alias(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(AliasRequest request, read_alias(call.request().body, Purpose::Update));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  model::AliasName name{call.segment(1)};
  auto place = resolved.function->aliases.find(name);
  if (place == resolved.function->aliases.end()) co_return respond(alias_not_found(call, function, name.text()));
  catalog::UpdateAlias update{request.version, request.description, request.additional, request.revision};
  co_await warm(call, resolved.function, place->second, update);
  std::function<Result<model::Alias>(catalog::Catalog&)> change =
      [function_name = function.name, name, update = std::move(update)](catalog::Catalog& catalog) {
        return catalog.update_alias(function_name, name, update);
      };
  auto alias = co_await call.mutate(std::move(change));
  if (!alias) co_return respond(alias.error());
  co_return alias_response(call, 200, *alias);
}

io::Task<http::Response> delete_alias(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  model::AliasName name{call.segment(1)};
  // Deleting what is not there succeeds, as on AWS.
  if (!resolved.function->aliases.contains(name)) co_return no_content();
  std::function<Result<>(catalog::Catalog&)> change = [function_name = function.name, name](catalog::Catalog& catalog) {
    return catalog.delete_alias(function_name, name);
  };
  auto deleted = co_await call.mutate<void>(std::move(change));
  if (!deleted) co_return respond(deleted.error());
  co_return no_content();
}

io::Task<http::Response> list_aliases(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  Query query = call.query();
  VIRGA_OR_RESPOND(PageRequest page, page_request(query, 10000));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  auto wanted = query.find("FunctionVersion");
  const auto& aliases = resolved.function->aliases;
  std::string body;
  {
    json::Object object(body);
    std::string last;
    std::size_t given = 0;
    bool more = false;
    {
      json::Array list(object.open("Aliases"));
      for (auto next = aliases.upper_bound(model::AliasName(page.marker)); next != aliases.end(); ++next) {
        const model::Alias& alias = next->second;
        if (wanted && alias.version.text() != *wanted) continue;
        if (given == page.limit) {
          more = true;
          break;
        }
        append_alias(list.open(), call.account(), alias);
        last = alias.name.text();
        ++given;
      }
    }
    if (more) object.add("NextMarker", last);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
