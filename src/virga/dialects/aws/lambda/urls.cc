#include <array>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/lambda/shapes.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Function URLs: their configuration. What answers at them is in ../url.
namespace virga::dialects::aws::lambda {
namespace {

struct UrlRequest {
  std::optional<model::UrlAuth> auth;
  std::optional<model::InvokeMode> mode;
  std::optional<std::optional<model::Cors>> cors;  // set to nullopt: an empty object, which removes it
};

enum class Purpose { Create, Update };

model::Cors read_cors(Members& members) {
  model::Cors cors;
  std::vector<std::string> none;
  cors.allow_credentials = members.boolean("AllowCredentials").value_or(false);
  cors.allow_headers = members.texts("AllowHeaders", {0, 100}, {0, 1024}).value_or(none);
  cors.allow_methods = members.texts("AllowMethods", {0, 6}, {0, 6}).value_or(none);
  cors.allow_origins = members.texts("AllowOrigins", {0, 100}, {1, 253}).value_or(none);
  cors.expose_headers = members.texts("ExposeHeaders", {0, 100}, {0, 1024}).value_or(none);
  if (auto seconds = members.integer("MaxAge", {0, 86400})) cors.max_age = std::chrono::seconds(*seconds);
  return cors;
}

Answer<UrlRequest> read_url(std::string_view body, Purpose purpose) {
  static constexpr std::array<std::string_view, 2> kAuth = {"NONE", "AWS_IAM"};
  static constexpr std::array<std::string_view, 2> kModes = {"BUFFERED", "RESPONSE_STREAM"};
  VIRGA_OR_REFUSE(auto object, parse_body(body));
  Violations violations;
  Members members(object, violations);
  UrlRequest request;
  if (purpose == Purpose::Create) members.require("AuthType");
  if (auto auth = members.enumeration("AuthType", kAuth)) {
    request.auth = *auth == "NONE" ? model::UrlAuth::None : model::UrlAuth::Iam;
  }
  if (auto mode = members.enumeration("InvokeMode", kModes)) {
    request.mode = *mode == "BUFFERED" ? model::InvokeMode::Buffered : model::InvokeMode::ResponseStream;
  }
  if (auto inner = members.object("Cors")) {
    Members cors(*inner, violations, "cors");
    request.cors.emplace();
    if (!inner->empty()) *request.cors = read_cors(cors);
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  return request;
}

// The alias whose URL is meant; nullopt: that of $LATEST.
Answer<std::optional<model::AliasName>> alias_of(const FunctionReference& function) {
  if (function.qualifier.empty()) return std::nullopt;
  bool digits = function.qualifier.find_first_not_of("0123456789") == std::string::npos;
  if (!digits && function.qualifier != "$LATEST") return model::AliasName(function.qualifier);
  Violations violations;
  violations.add("qualifier", function.qualifier,
                 "Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$) (the name of an alias)");
  return std::unexpected(*violations.refusal());
}

http::Response url_response(const Call& call, int status, const model::UrlConfig& url) {
  std::string body;
  append_url(body, call.account(), url);
  return json_response(status, std::move(body));
}

Refusal url_not_found() {
  return not_found("The resource you requested does not exist.");
}

}  // namespace

io::Task<http::Response> create_function_url_config(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(auto alias, alias_of(function));
  VIRGA_OR_RESPOND(UrlRequest request, read_url(call.request().body, Purpose::Create));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  catalog::CreateUrl create{alias, *request.auth, request.mode.value_or(model::InvokeMode::Buffered),
                            request.cors.value_or(std::nullopt)};
  std::function<Result<model::UrlConfig>(catalog::Catalog&)> change =
      [name = function.name, create = std::move(create)](catalog::Catalog& catalog) {
        return catalog.create_url(name, create);
      };
  auto url = co_await call.mutate(std::move(change));
  if (!url && url.error().code() == ErrorCode::AlreadyExists) {
    co_return respond(conflict("Failed to create function url config for [functionArn = " +
                               function_arn(call.account(), function.name, function.qualifier) +
                               "]. Error message: FunctionUrlConfig exists for this Lambda function"));
  }
  if (!url) co_return respond(url.error());
  co_return url_response(call, 201, *url);
}

io::Task<http::Response> get_function_url_config(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(auto alias, alias_of(function));
  auto entry = call.catalog().function(function.name);
  if (!entry || !(*entry)->urls.contains(alias)) co_return respond(url_not_found());
  co_return url_response(call, 200, (*entry)->urls.at(alias));
}

io::Task<http::Response> update_function_url_config(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(auto alias, alias_of(function));
  VIRGA_OR_RESPOND(UrlRequest request, read_url(call.request().body, Purpose::Update));
  catalog::UpdateUrl update{request.auth, request.mode, request.cors};
  std::function<Result<model::UrlConfig>(catalog::Catalog&)> change =
      [name = function.name, alias, update = std::move(update)](catalog::Catalog& catalog) {
        return catalog.update_url(name, alias, update);
      };
  auto url = co_await call.mutate(std::move(change));
  if (!url && url.error().code() == ErrorCode::NotFound) co_return respond(url_not_found());
  if (!url) co_return respond(url.error());
  co_return url_response(call, 200, *url);
}

io::Task<http::Response> delete_function_url_config(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(auto alias, alias_of(function));
  std::function<Result<>(catalog::Catalog&)> change = [name = function.name, alias](catalog::Catalog& catalog) {
    return catalog.delete_url(name, alias);
  };
  auto deleted = co_await call.mutate<void>(std::move(change));
  if (!deleted && deleted.error().code() == ErrorCode::NotFound) co_return respond(url_not_found());
  if (!deleted) co_return respond(deleted.error());
  co_return no_content();
}

io::Task<http::Response> list_function_url_configs(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(PageRequest page, page_request(call.query(), 50));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string body;
  {
    json::Object object(body);
    std::string last;
    std::size_t given = 0;
    bool more = false;
    {
      json::Array list(object.open("FunctionUrlConfigs"));
      for (const auto& [alias, url] : resolved.function->urls) {
        std::string key = alias ? alias->text() : "$LATEST";
        if (!page.marker.empty() && page.marker != "$LATEST" && (!alias || key <= page.marker)) continue;
        if (page.marker == "$LATEST" && !alias) continue;
        if (given == page.limit) {
          more = true;
          break;
        }
        append_url(list.open(), call.account(), url);
        last = key;
        ++given;
      }
    }
    if (more) object.add("NextMarker", last);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
