#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "virga/dialects/aws/lambda/code.h"
#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/lambda/shapes.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Layers: archives that several functions share.
namespace virga::dialects::aws::lambda {
namespace {

constexpr std::array<std::string_view, 2> kArchitectures = {"x86_64", "arm64"};

struct PublishRequest {
  catalog::PublishLayer layer;
  Code code;
};

Answer<model::LayerName> layer_name(const Call& call) {
  std::string text = call.segment(0);
  auto reference = parse_layer_reference(text);
  if (reference && !reference->version) return reference->name;
  Violations violations;
  violations.add(
      "layerName", text,
      "Member must satisfy regular expression pattern: "
      "(arn:aws[a-zA-Z-]*:lambda:REGION:ACCOUNT:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+, at most 64 characters");
  return std::unexpected(*violations.refusal());
}

Answer<PublishRequest> read_publish(std::string_view body) {
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  PublishRequest request;
  members.require("Content");
  request.layer.description = members.text("Description", {0, 256}).value_or("");
  request.layer.license = members.text("LicenseInfo", {0, 512}).value_or("");
  request.layer.runtimes = members.texts("CompatibleRuntimes", {0, 15}, {1, 64}).value_or(std::vector<std::string>());
  auto architectures = members.texts("CompatibleArchitectures", {0, 2}, {1, 64});
  for (const std::string& name : architectures.value_or(std::vector<std::string>())) {
    check_enumeration(violations, "compatibleArchitectures", name, kArchitectures);
    request.layer.architectures.push_back(name == "arm64" ? model::Architecture::Arm64 : model::Architecture::X86_64);
  }
  Code code;
  if (auto inner = members.object("Content")) {
    Members content(*inner, violations, "content");
    code = read_code(content);
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  VIRGA_OR_REFUSE(request.code, check_code(std::move(code)));
  return request;
}

Refusal layer_not_found(const Call& call, const model::LayerRef& layer) {
  return not_found("Layer version not found: " + layer_arn(call.account(), layer));
}

// The layer version that the first two segments name.
Answer<model::LayerVersion> find_version(const Call& call) {
  VIRGA_OR_REFUSE(model::LayerName name, layer_name(call));
  Violations violations;
  auto number = parse_integer(violations, "versionNumber", call.segment(1), {1, INT64_MAX});
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  auto version = call.catalog().layer_version(name, static_cast<std::uint64_t>(*number));
  if (version) return std::move(*version);
  return std::unexpected(layer_not_found(call, {name, static_cast<std::uint64_t>(*number)}));
}

http::Response version_response(const Call& call, int status, const model::LayerVersion& version) {
  std::string body;
  append_layer_version(body, call, version, LayerContent::Give);
  return json_response(status, std::move(body));
}

// Whether it fits CompatibleRuntime and CompatibleArchitecture of the query.
bool fits(const model::LayerVersion& version, const Query& query) {
  auto runtime = query.find("CompatibleRuntime");
  auto architecture = query.find("CompatibleArchitecture");
  if (runtime && std::ranges::find(version.runtimes, *runtime) == version.runtimes.end()) return false;
  return !architecture || std::ranges::any_of(version.architectures,
                                              [&](model::Architecture value) { return name(value) == *architecture; });
}

}  // namespace

io::Task<http::Response> publish_layer_version(Call call) {
  VIRGA_OR_RESPOND(model::LayerName name, layer_name(call));
  std::string_view body = call.request().body;
  std::function<Answer<PublishRequest>()> read = [body] { return read_publish(body); };
  auto answer = co_await call.read_body(std::move(read));
  VIRGA_OR_RESPOND(PublishRequest request, std::move(answer));
  VIRGA_OR_RESPOND(auto zip, co_await take_zip(call, std::move(request.code)));
  auto added = co_await call.services().deployments.add_package(std::move(zip));
  if (!added) co_return respond(refuse_archive(added.error()));
  request.layer.name = name;
  request.layer.package = added->ref.id;
  std::function<Result<model::LayerVersion>(catalog::Catalog&)> change =
      [layer = std::move(request.layer)](catalog::Catalog& catalog) { return catalog.publish_layer(layer); };
  auto version = co_await call.mutate(std::move(change));
  if (!version) co_return respond(refuse_package(version.error()));
  co_return version_response(call, 201, *version);
}

io::Task<http::Response> get_layer_version(Call call) {
  VIRGA_OR_RESPOND(model::LayerVersion version, find_version(call));
  co_return version_response(call, 200, version);
}

io::Task<http::Response> get_layer_version_by_arn(Call call) {
  Query query = call.query();
  std::string arn(query.find("Arn").value_or(""));
  auto reference = parse_layer_reference(arn);
  if (!reference || !reference->version) {
    Violations violations;
    violations.add(
        "arn", arn,
        "Member must satisfy regular expression pattern: arn:aws[a-zA-Z-]*:lambda:REGION:ACCOUNT:layer:NAME:VERSION");
    co_return respond(*violations.refusal());
  }
  auto version = call.catalog().layer_version(reference->name, *reference->version);
  if (!version) co_return respond(layer_not_found(call, {reference->name, *reference->version}));
  co_return version_response(call, 200, *version);
}

io::Task<http::Response> delete_layer_version(Call call) {
  auto version = find_version(call);
  // Deleting what is not there succeeds, as on AWS.
  if (!version && version.error().status == 404) co_return no_content();
  if (!version) co_return respond(version.error());
  std::function<Result<>(catalog::Catalog&)> change = [name = version->layer,
                                                       number = version->version](catalog::Catalog& catalog) {
    return catalog.delete_layer_version(name, number);
  };
  auto deleted = co_await call.mutate<void>(std::move(change));
  if (!deleted) co_return respond(deleted.error());
  co_return no_content();
}

io::Task<http::Response> list_layers(Call call) {
  Query query = call.query();
  VIRGA_OR_RESPOND(PageRequest page, page_request(query, 50));
  auto found = call.catalog().layers(page.marker, page.limit);
  std::string body;
  {
    json::Object object(body);
    {
      json::Array layers(object.open("Layers"));
      for (const catalog::LayerPointer& entry : found.items) {
        const model::LayerVersion* newest = nullptr;
        for (const auto& [number, version] : entry->versions) {
          if (fits(version, query)) newest = &version;
        }
        if (newest == nullptr) continue;
        json::Object layer(layers.open());
        layer.add("LayerName", entry->name.text()).add("LayerArn", layer_arn(call.account(), entry->name));
        append_layer_version(layer.open("LatestMatchingVersion"), call, *newest, LayerContent::Leave);
      }
    }
    if (!found.next_marker.empty()) object.add("NextMarker", found.next_marker);
  }
  co_return json_response(200, std::move(body));
}

// Newest first, as AWS lists them.
io::Task<http::Response> list_layer_versions(Call call) {
  VIRGA_OR_RESPOND(model::LayerName name, layer_name(call));
  Query query = call.query();
  VIRGA_OR_RESPOND(PageRequest page, page_request(query, 50));
  std::uint64_t below = UINT64_MAX;
  if (!page.marker.empty()) {
    auto number = parse_version(page.marker);
    if (!number) co_return respond(invalid_parameter("'" + page.marker + "' is no Marker of this list."));
    below = number->number();
  }
  auto entry = call.catalog().layer(name);
  std::string body;
  {
    json::Object object(body);
    std::size_t given = 0;
    std::uint64_t last = 0;
    bool more = false;
    {
      json::Array versions(object.open("LayerVersions"));
      if (entry) {
        for (auto next = (*entry)->versions.rbegin(); next != (*entry)->versions.rend(); ++next) {
          if (next->first >= below || !fits(next->second, query)) continue;
          if (given == page.limit) {
            more = true;
            break;
          }
          append_layer_version(versions.open(), call, next->second, LayerContent::Leave);
          last = next->first;
          ++given;
        }
      }
    }
    if (more) object.add("NextMarker", std::to_string(last));
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
