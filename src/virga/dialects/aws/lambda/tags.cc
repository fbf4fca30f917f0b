#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/dispatch/limits.h"
#include "virga/events/rules.h"
#include "virga/json/text.h"

// Tags of functions, by ARN.
namespace virga::dialects::aws::lambda {
namespace {

Answer<FunctionReference> tagged_function(const Call& call) {
  std::string resource = call.segment(0);
  if (!resource.starts_with("arn:")) {
    Violations violations;
    violations.add(
        "resource", resource,
        "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:REGION:ACCOUNT:function:NAME");
    return std::unexpected(*violations.refusal());
  }
  VIRGA_OR_REFUSE(FunctionReference function, parse_function_reference(resource));
  if (!function.qualifier.empty()) {
    return std::unexpected(
        invalid_parameter("Tags on function aliases and versions are not supported. Please specify a function ARN."));
  }
  return function;
}

}  // namespace

io::Task<http::Response> tag_resource(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, tagged_function(call));
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  members.require("Tags");
  auto tags = members.map("Tags").value_or(std::map<std::string, std::string>());
  for (const auto& [key, value] : tags) {
    check_length(violations, "tags", key, {1, 128});
    check_length(violations, "tags", value, {0, 256});
  }
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  // Limits take effect with the next call, so what is none is refused here.
  auto limits = dispatch::read_limits(tags);
  if (!limits) co_return respond(limits.error());
  auto delays = tags.find(std::string(events::kRetryDelaysTag));
  if (delays != tags.end() && !events::parse_retry_delays(delays->second)) {
    co_return respond(invalid_parameter("tags: the value '" + delays->second +
                                        "' of 'virga:retry-delays' must be two numbers of milliseconds up to six "
                                        "hours, such as 60000,120000"));
  }
  std::function<Result<>(catalog::Catalog&)> change = [name = function.name, tags](catalog::Catalog& catalog) {
    return catalog.tag_function(name, tags);
  };
  auto tagged = co_await call.mutate<void>(std::move(change));
  if (!tagged) co_return respond(tagged.error());
  co_return no_content();
}

io::Task<http::Response> untag_resource(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, tagged_function(call));
  std::vector<std::string> keys = call.query().all("tagKeys");
  if (keys.empty()) {
    Violations violations;
    violations.add_null("tagKeys");
    co_return respond(*violations.refusal());
  }
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::function<Result<>(catalog::Catalog&)> change = [name = function.name, keys](catalog::Catalog& catalog) {
    return catalog.untag_function(name, keys);
  };
  auto untagged = co_await call.mutate<void>(std::move(change));
  if (!untagged) co_return respond(untagged.error());
  co_return no_content();
}

io::Task<http::Response> list_tags(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, tagged_function(call));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string body;
  {
    json::Object object(body);
    json::Object tags(object.open("Tags"));
    for (const auto& [key, value] : resolved.function->function.tags) tags.add(key, value);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
