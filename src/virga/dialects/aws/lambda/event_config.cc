#include <fmt/format.h>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/events/rules.h"
#include "virga/json/text.h"

// How asynchronous calls of a function, a version or an alias are treated.
namespace virga::dialects::aws::lambda {
namespace {

using events::InvokeConfig;

struct Target {
  FunctionReference function;
  catalog::Resolved resolved;
  std::optional<InvokeConfig> config;

  std::string qualifier() const { return function.qualifier.empty() ? "$LATEST" : function.qualifier; }
  catalog::AttachmentKey key() const { return {std::string(events::kInvokeConfigKind), qualifier()}; }
};

Answer<Target> find_target(const Call& call) {
  Target target;
  VIRGA_OR_REFUSE(target.function, call.function());
  VIRGA_OR_REFUSE(target.resolved, resolve(call, target.function));
  const auto& attachments = target.resolved.function->attachments;
  auto found = attachments.find(target.key());
  if (found != attachments.end()) target.config = InvokeConfig::decode(found->second);
  return target;
}

Refusal no_configuration(const Call& call, const Target& target) {
  return not_found(fmt::format("The function {} doesn't have an EventInvokeConfig",
                               function_arn(call.account(), target.function.name, target.qualifier())));
}

// One destination of the body; nullopt: it is not mentioned.
Answer<std::optional<std::string>> read_destination(const Call& call, Members& config, std::string_view member,
                                                    Violations& violations) {
  const auto* object = config.object(member);
  if (object == nullptr) return std::nullopt;
  Members destination(*object, violations, config.label(member));
  auto arn = destination.text("Destination", {0, 350});
  if (!arn || arn->empty()) return std::string();
  if (auto known = call.services().targets.check(*arn); !known) {
    return std::unexpected(invalid_parameter(
        "The provided destination config DestinationConfig is invalid: " + known.error().message() + "."));
  }
  return arn;
}

// What the body sets, on top of `config`.
Answer<InvokeConfig> read_body(const Call& call, InvokeConfig config) {
  VIRGA_OR_REFUSE(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  if (auto retries = members.integer("MaximumRetryAttempts", {0, 2})) {
    config.retries = static_cast<std::uint32_t>(*retries);
  }
  if (auto age = members.integer("MaximumEventAgeInSeconds", {60, 21600})) config.max_age = std::chrono::seconds(*age);
  if (const auto* destinations = members.object("DestinationConfig")) {
    Members both(*destinations, violations, members.label("DestinationConfig"));
    VIRGA_OR_REFUSE(auto success, read_destination(call, both, "OnSuccess", violations));
    VIRGA_OR_REFUSE(auto failure, read_destination(call, both, "OnFailure", violations));
    if (success) config.on_success = std::move(*success);
    if (failure) config.on_failure = std::move(*failure);
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  config.modified = call.services().clock.wall();
  return config;
}

void append(json::Object& object, const Call& call, const model::FunctionName& function, std::string_view qualifier,
            const InvokeConfig& config) {
  object.add("LastModified", static_cast<double>(unix_milliseconds(config.modified)) / 1000)
      .add("FunctionArn", function_arn(call.account(), function, qualifier));
  if (config.retries) object.add("MaximumRetryAttempts", *config.retries);
  if (config.max_age) object.add("MaximumEventAgeInSeconds", config.max_age->count());
  json::Object destinations(object.open("DestinationConfig"));
  for (const auto& [member, arn] :
       {std::pair("OnSuccess", config.on_success), std::pair("OnFailure", config.on_failure)}) {
    json::Object destination(destinations.open(member));
    if (!arn.empty()) destination.add("Destination", arn);
  }
}

http::Response answer(const Call& call, const Target& target, const InvokeConfig& config) {
  std::string body;
  {
    json::Object object(body);
    append(object, call, target.function.name, target.qualifier(), config);
  }
  return json_response(200, std::move(body));
}

io::Task<http::Response> set(Call call, Target target, InvokeConfig base) {
  VIRGA_OR_RESPOND(InvokeConfig config, read_body(call, std::move(base)));
  auto attached = co_await call.attach(target.function.name, target.key(), config.encode());
  if (!attached) co_return respond(attached.error());
  co_return answer(call, target, config);
}

}  // namespace

io::Task<http::Response> put_function_event_invoke_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  auto response = co_await set(call, std::move(target), {});
  co_return response;
}

io::Task<http::Response> update_function_event_invoke_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  if (!target.config) co_return respond(no_configuration(call, target));
  auto base = *target.config;
  auto response = co_await set(call, std::move(target), std::move(base));
  co_return response;
}

io::Task<http::Response> get_function_event_invoke_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  if (!target.config) co_return respond(no_configuration(call, target));
  co_return answer(call, target, *target.config);
}

io::Task<http::Response> delete_function_event_invoke_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  if (!target.config) co_return respond(no_configuration(call, target));
  auto removed = co_await call.attach(target.function.name, target.key(), std::nullopt);
  if (!removed) co_return respond(removed.error());
  co_return no_content();
}

io::Task<http::Response> list_function_event_invoke_configs(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(PageRequest page, page_request(call.query(), 50));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string body;
  {
    json::Object object(body);
    std::string next;
    {
      json::Array list(object.open("FunctionEventInvokeConfigs"));
      std::size_t count = 0;
      std::string last;
      for (const auto& [key, text] : resolved.function->attachments) {
        if (key.kind != events::kInvokeConfigKind || key.qualifier <= page.marker) continue;
        if (count++ == page.limit) {
          next = last;
          break;
        }
        last = key.qualifier;
        json::Object item(list.open());
        append(item, call, function.name, key.qualifier, InvokeConfig::decode(text));
      }
    }
    if (!next.empty()) object.add("NextMarker", next);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
