#include <array>

#include "virga/dialects/aws/lambda/code.h"
#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/lambda/settings.h"
#include "virga/dialects/aws/lambda/shapes.h"
#include "virga/dispatch/limits.h"
#include "virga/json/text.h"

// Functions: create, read, change, delete, list.
namespace virga::dialects::aws::lambda {
namespace {

using catalog::VersionPointer;

struct CreateRequest {
  std::string name;
  Settings settings;
  std::optional<model::Architecture> architecture;
  Code code;
  std::map<std::string, std::string> tags;
  catalog::Publish publish = catalog::Publish::No;
};

// Whoever deployed sees the new version with the next call, and calls meanwhile wait for no start.
io::Task<void> taken_over(Call call, VersionPointer version) {
  auto entry = call.catalog().function(version->function);
  if (!entry) co_return;
  // A version that was published with it is not what calls without a qualifier run.
  auto latest = (*entry)->latest;
  co_await call.services().invoker.taken_over(std::move(latest));
}

void check_tags(Violations& violations, const std::map<std::string, std::string>& tags) {
  for (const auto& [key, value] : tags) {
    check_length(violations, "tags", key, {1, 128});
    check_length(violations, "tags", value, {0, 256});
  }
}

Answer<CreateRequest> read_create(std::string_view body) {
  static constexpr std::array<std::string_view, 2> kPackageTypes = {"Zip", "Image"};
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  CreateRequest request;
  for (std::string_view name : {"FunctionName", "Role", "Code"}) members.require(name);
  request.name = members.text("FunctionName", {1, 140}).value_or("");
  request.settings = read_settings(members);
  request.architecture = read_architecture(members);
  request.tags = members.map("Tags").value_or(std::map<std::string, std::string>());
  check_tags(violations, request.tags);
  if (members.boolean("Publish").value_or(false)) request.publish = catalog::Publish::Yes;
  if (members.enumeration("PackageType", kPackageTypes) == "Image") {
    request.settings.unsupported = "PackageType Image cannot be used: Virga runs .zip packages, not container images.";
  }
  Code code;
  if (auto inner = members.object("Code")) {
    Members code_members(*inner, violations, "code");
    code = read_code(code_members);
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  VIRGA_OR_REFUSE(request.code, check_code(std::move(code)));
  if (!request.settings.unsupported.empty()) return std::unexpected(invalid_parameter(request.settings.unsupported));
  if (!request.settings.runtime || !request.settings.handler || request.settings.handler->empty()) {
    return std::unexpected(invalid_parameter(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages."));
  }
  return request;
}

struct UpdateCodeRequest {
  Code code;
  catalog::UpdateCode update;
};

Answer<UpdateCodeRequest> read_update_code(std::string_view body) {
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  UpdateCodeRequest request;
  Code code = read_code(members);
  request.update.architecture = read_architecture(members);
  if (members.boolean("Publish").value_or(false)) request.update.publish = catalog::Publish::Yes;
  if (members.boolean("DryRun").value_or(false)) request.update.dry_run = catalog::DryRun::Yes;
  if (auto revision = members.text("RevisionId", {0, 256})) request.update.revision = model::RevisionId(*revision);
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  VIRGA_OR_REFUSE(request.code, check_code(std::move(code)));
  return request;
}

struct DeployRequest {
  Settings settings;
  std::optional<Code> code;
  std::optional<model::RevisionId> revision;
};

Answer<DeployRequest> read_deploy(std::string_view body) {
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  DeployRequest request;
  request.settings = read_settings(members);
  if (auto revision = members.text("RevisionId", {0, 256})) request.revision = model::RevisionId(*revision);
  Code code = read_code(members);
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  if (code.zip || !code.bucket.empty() || code.image) {
    VIRGA_OR_REFUSE(request.code, check_code(std::move(code)));
  }
  return request;
}

std::string qualifier_of(const catalog::Resolved& resolved, const FunctionReference& function) {
  return function.qualifier.empty() ? std::string()
         : resolved.alias           ? resolved.alias->text()
                                    : resolved.version->number.text();
}

// Before the change shows, so that the first call finds everything made.
io::Task<void> prepare(Call call, model::FunctionConfig config, model::PackageId package) {
  model::Version version;
  for (const auto& layer : config.layers) {
    if (auto found = call.catalog().layer_version(layer.layer, layer.version)) {
      version.layer_packages.push_back(found->package);
    }
  }
  version.config = std::move(config);
  version.package.id = std::move(package);
  co_await call.services().deployments.prepare(std::move(version));
}

}  // namespace

io::Task<http::Response> create_function(Call call) {
  std::string_view body = call.request().body;
  std::function<Answer<CreateRequest>()> read = [body] { return read_create(body); };
  auto answer = co_await call.read_body(std::move(read));
  VIRGA_OR_RESPOND(CreateRequest request, std::move(answer));
  VIRGA_OR_RESPOND(FunctionReference function, parse_function_reference(request.name));
  VIRGA_OR_RESPOND(auto layers, check_settings(request.settings, call.services().runtimes, call.catalog()));
  if (call.catalog().function(function.name)) {
    co_return respond(conflict("Function already exist: " + function.name.text()));
  }
  VIRGA_OR_RESPOND(auto zip, co_await take_zip(call, std::move(request.code)));
  auto added = co_await call.services().deployments.add_package(std::move(zip));
  if (!added) co_return respond(refuse_archive(added.error()));

  auto limits = dispatch::read_limits(request.tags);
  if (!limits) co_return respond(limits.error());
  catalog::CreateFunction create;
  create.name = function.name;
  create.package = added->ref.id;
  create.tags = std::move(request.tags);
  create.publish = request.publish;
  if (request.architecture) create.config.architecture = *request.architecture;
  apply_settings(request.settings, layers, create.config);
  co_await prepare(call, create.config, create.package);
  std::function<Result<VersionPointer>(catalog::Catalog&)> change =
      [create = std::move(create)](catalog::Catalog& catalog) { return catalog.create_function(create); };
  auto version = co_await call.mutate(std::move(change));
  if (!version && version.error().code() == ErrorCode::AlreadyExists) {
    co_return respond(conflict("Function already exist: " + function.name.text()));
  }
  if (!version) co_return respond(refuse_package(version.error()));
  co_return json_response(201, configuration(call.account(), **version));
}

io::Task<http::Response> get_function(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  const model::Function& whole = resolved.function->function;
  std::string body;
  {
    json::Object object(body);
    append_configuration(object.open("Configuration"), call.account(), *resolved.version,
                         qualifier_of(resolved, function));
    {
      json::Object code(object.open("Code"));
      code.add("RepositoryType", "S3").add("Location", call.services().links.make(resolved.version->package.id));
    }
    if (function.qualifier.empty() && !whole.tags.empty()) {
      json::Object tags(object.open("Tags"));
      for (const auto& [key, value] : whole.tags) tags.add(key, value);
    }
    if (whole.reserved_concurrency) {
      json::Object(object.open("Concurrency")).add("ReservedConcurrentExecutions", *whole.reserved_concurrency);
    }
  }
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> get_function_configuration(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string body;
  append_configuration(body, call.account(), *resolved.version, qualifier_of(resolved, function));
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> update_function_code(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  std::string_view body = call.request().body;
  std::function<Answer<UpdateCodeRequest>()> read = [body] { return read_update_code(body); };
  auto answer = co_await call.read_body(std::move(read));
  VIRGA_OR_RESPOND(UpdateCodeRequest request, std::move(answer));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  VIRGA_OR_RESPOND(auto zip, co_await take_zip(call, std::move(request.code)));
  auto added = co_await call.services().deployments.add_package(std::move(zip));
  if (!added) co_return respond(refuse_archive(added.error()));
  request.update.package = added->ref.id;
  if (request.update.dry_run == catalog::DryRun::No) {
    co_await prepare(call, resolved.version->config, added->ref.id);
  }
  std::function<Result<VersionPointer>(catalog::Catalog&)> change =
      [name = function.name, update = std::move(request.update)](catalog::Catalog& catalog) {
        return catalog.update_code(name, update);
      };
  auto version = co_await call.mutate(std::move(change));
  if (!version) co_return respond(refuse_package(version.error()));
  co_await taken_over(call, *version);
  co_return json_response(200, configuration(call.account(), **version));
}

io::Task<http::Response> update_function_configuration(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  Settings settings = read_settings(members);
  auto revision = members.text("RevisionId", {0, 256});
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  VIRGA_OR_RESPOND(auto layers, check_settings(settings, call.services().runtimes, call.catalog()));
  catalog::UpdateConfig update;
  if (revision) update.revision = model::RevisionId(*revision);
  auto changed = resolved.version->config;
  apply_settings(settings, layers, changed);
  co_await prepare(call, std::move(changed), resolved.version->package.id);
  update.change = [settings = std::move(settings),
                   layers = std::move(layers)](model::FunctionConfig& config) -> Result<> {
    apply_settings(settings, layers, config);
    return {};
  };
  std::function<Result<VersionPointer>(catalog::Catalog&)> change =
      [name = function.name, update = std::move(update)](catalog::Catalog& catalog) {
        return catalog.update_config(name, update);
      };
  auto version = co_await call.mutate(std::move(change));
  if (!version) co_return respond(refuse_package(version.error()));
  co_await taken_over(call, *version);
  co_return json_response(200, configuration(call.account(), **version));
}

// Virga's own: the members of UpdateFunctionConfiguration and, if the code changes, of UpdateFunctionCode. No call sees
// the one without the other.
io::Task<http::Response> deploy_function(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  std::string_view body = call.request().body;
  std::function<Answer<DeployRequest>()> read = [body] { return read_deploy(body); };
  auto answer = co_await call.read_body(std::move(read));
  VIRGA_OR_RESPOND(DeployRequest request, std::move(answer));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  VIRGA_OR_RESPOND(auto layers, check_settings(request.settings, call.services().runtimes, call.catalog()));
  catalog::UpdateFunction update;
  update.revision = std::move(request.revision);
  if (request.code) {
    VIRGA_OR_RESPOND(auto zip, co_await take_zip(call, *std::move(request.code)));
    auto added = co_await call.services().deployments.add_package(std::move(zip));
    if (!added) co_return respond(refuse_archive(added.error()));
    update.package = added->ref.id;
  }
  auto changed = resolved.version->config;
  apply_settings(request.settings, layers, changed);
  co_await prepare(call, std::move(changed), update.package.value_or(resolved.version->package.id));
  update.change = [settings = std::move(request.settings),
                   layers = std::move(layers)](model::FunctionConfig& config) -> Result<> {
    apply_settings(settings, layers, config);
    return {};
  };
  std::function<Result<VersionPointer>(catalog::Catalog&)> change =
      [name = function.name, update = std::move(update)](catalog::Catalog& catalog) {
        return catalog.update_function(name, update);
      };
  auto version = co_await call.mutate(std::move(change));
  if (!version) co_return respond(refuse_package(version.error()));
  co_await taken_over(call, *version);
  co_return json_response(200, configuration(call.account(), **version));
}

// Virga's own: $LATEST becomes what it was before its last change.
io::Task<http::Response> rollback_function(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::function<Result<catalog::RolledBack>(catalog::Catalog&)> change =
      [name = function.name](catalog::Catalog& catalog) { return catalog.roll_back(name); };
  auto done = co_await call.mutate(std::move(change));
  if (!done) co_return respond(done.error());
  std::string body;
  {
    json::Object object(body);
    append_configuration(object.open("From"), call.account(), *done->from, "");
    append_configuration(object.open("To"), call.account(), *done->to, "");
  }
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> delete_function(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  if (function.qualifier == "$LATEST") {
    co_return respond(invalid_parameter("$LATEST version cannot be deleted without deleting the function."));
  }
  if (resolved.alias) {
    co_return respond(invalid_parameter("'" + function.qualifier + "' is an alias. Delete it with DeleteAlias."));
  }
  std::function<Result<>(catalog::Catalog&)> change = [name = function.name,
                                                       number = resolved.version->number](catalog::Catalog& catalog) {
    return number.is_latest() ? catalog.delete_function(name) : catalog.delete_version(name, number);
  };
  auto deleted = co_await call.mutate<void>(std::move(change));
  if (!deleted) co_return respond(deleted.error());
  co_return no_content();
}

io::Task<http::Response> list_functions(Call call) {
  Query query = call.query();
  VIRGA_OR_RESPOND(PageRequest page, page_request(query, 10000));
  static constexpr std::array<std::string_view, 1> kVersions = {"ALL"};
  auto wanted = query.find("FunctionVersion");
  Violations violations;
  if (wanted) check_enumeration(violations, "functionVersion", *wanted, kVersions);
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  auto found = call.catalog().functions(page.marker, page.limit);
  std::string body;
  {
    json::Object object(body);
    {
      json::Array functions(object.open("Functions"));
      for (const catalog::FunctionPointer& entry : found.items) {
        append_configuration(functions.open(), call.account(), *entry->latest, wanted ? "$LATEST" : "");
        if (!wanted) continue;
        for (const auto& [number, version] : entry->published) {
          append_configuration(functions.open(), call.account(), *version, number.text());
        }
      }
    }
    if (!found.next_marker.empty()) object.add("NextMarker", found.next_marker);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
