#include "virga/dispatch/provisioned.h"

#include <fmt/format.h>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Provisioned concurrency: instances of a version or an alias that are kept ready.
namespace virga::dialects::aws::lambda {
namespace {

using dispatch::Provisioned;

// A version or an alias, with its configuration if it has one.
struct Target {
  FunctionReference function;
  catalog::Resolved resolved;
  std::optional<Provisioned> provisioned;

  catalog::AttachmentKey key() const { return {std::string(dispatch::kProvisionedKind), function.qualifier}; }
};

Answer<Target> find_target(const Call& call) {
  Target target;
  VIRGA_OR_REFUSE(target.function, call.function());
  if (target.function.qualifier.empty()) {
    Violations violations;
    violations.add_null("qualifier");
    return std::unexpected(*violations.refusal());
  }
  if (target.function.qualifier == "$LATEST") {
    return std::unexpected(
        invalid_parameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions. Publish "
                          "one with: aws lambda publish-version --function-name " +
                          target.function.name.text()));
  }
  VIRGA_OR_REFUSE(target.resolved, resolve(call, target.function));
  const auto& attachments = target.resolved.function->attachments;
  auto found = attachments.find(target.key());
  if (found != attachments.end()) target.provisioned = dispatch::read_provisioned(found->second);
  return target;
}

Refusal no_configuration() {
  return Refusal{404,
                 "ProvisionedConcurrencyConfigNotFoundException",
                 "No Provisioned Concurrency Config found for this function",
                 {}};
}

// What a version's instances are is told for the version: an alias and a number that lead to it share them.
void append(json::Object& object, const Call& call, const model::Version& version, const Provisioned& provisioned) {
  auto counts = call.services().invoker.provisioned(version);
  auto allocated = std::min(counts.allocated, provisioned.requested);
  auto available = std::min(counts.available, provisioned.requested);
  object.add("RequestedProvisionedConcurrentExecutions", provisioned.requested)
      .add("AvailableProvisionedConcurrentExecutions", available)
      .add("AllocatedProvisionedConcurrentExecutions", allocated);
  if (available == provisioned.requested) {
    object.add("Status", "READY");
  } else if (!counts.failure.empty()) {
    object.add("Status", "FAILED").add("StatusReason", counts.failure);
  } else {
    object.add("Status", "IN_PROGRESS");
  }
  object.add("LastModified", format_lambda_time(provisioned.modified));
}

std::optional<Refusal> check_requested(const Call& call, const Target& target, std::uint32_t requested) {
  const auto& reserved = target.resolved.function->function.reserved_concurrency;
  if (reserved && requested > *reserved) {
    return invalid_parameter(
        fmt::format("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for "
                    "function: {} are reserved. Raise it with: aws lambda put-function-concurrency --function-name {} "
                    "--reserved-concurrent-executions {}",
                    *reserved, target.function.name.text(), requested));
  }
  auto usage = call.catalog().usage();
  if (requested > usage.concurrency_limit) {
    return invalid_parameter(
        fmt::format("Specified ConcurrentExecutions for function is greater than the account's concurrency: {} of {}.",
                    requested, usage.concurrency_limit));
  }
  return std::nullopt;
}

}  // namespace

io::Task<http::Response> put_provisioned_concurrency_config(Call call) {
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  members.require("ProvisionedConcurrentExecutions");
  auto requested = members.integer("ProvisionedConcurrentExecutions", {1, INT32_MAX});
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  VIRGA_OR_RESPOND(Target target, find_target(call));
  Provisioned provisioned{static_cast<std::uint32_t>(*requested), call.services().clock.wall()};
  if (auto refusal = check_requested(call, target, provisioned.requested)) co_return respond(*refusal);
  auto attached = co_await call.attach(target.function.name, target.key(), dispatch::write_provisioned(provisioned));
  if (!attached) co_return respond(attached.error());
  std::string body;
  {
    json::Object answer(body);
    append(answer, call, *target.resolved.version, provisioned);
  }
  co_return json_response(202, std::move(body));
}

io::Task<http::Response> get_provisioned_concurrency_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  if (!target.provisioned) co_return respond(no_configuration());
  std::string body;
  {
    json::Object answer(body);
    append(answer, call, *target.resolved.version, *target.provisioned);
  }
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> delete_provisioned_concurrency_config(Call call) {
  VIRGA_OR_RESPOND(Target target, find_target(call));
  if (!target.provisioned) co_return respond(no_configuration());
  auto removed = co_await call.attach(target.function.name, target.key(), std::nullopt);
  if (!removed) co_return respond(removed.error());
  co_return no_content();
}

io::Task<http::Response> list_provisioned_concurrency_configs(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(PageRequest page, page_request(call.query(), 50));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  const catalog::FunctionEntry& entry = *resolved.function;
  std::string next;
  std::string body;
  {
    json::Object answer(body);
    {
      json::Array list(answer.open("ProvisionedConcurrencyConfigs"));
      std::size_t count = 0;
      std::string last;
      for (const auto& [key, json] : entry.attachments) {
        if (key.kind != dispatch::kProvisionedKind || key.qualifier <= page.marker) continue;
        auto number = dispatch::provisioned_version(entry, key.qualifier);
        auto version = number ? entry.version(*number) : nullptr;
        if (!version) continue;
        if (count++ == page.limit) {
          next = last;
          break;
        }
        last = key.qualifier;
        json::Object item(list.open());
        item.add("FunctionArn", function_arn(call.account(), function.name, key.qualifier));
        append(item, call, *version, dispatch::read_provisioned(json));
      }
    }
    if (!next.empty()) answer.add("NextMarker", next);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
