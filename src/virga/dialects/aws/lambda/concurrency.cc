#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Reserved concurrency, and the account's limits.
namespace virga::dialects::aws::lambda {
namespace {

http::Response reserved_response(std::optional<std::uint32_t> calls) {
  std::string body;
  {
    json::Object object(body);
    if (calls) object.add("ReservedConcurrentExecutions", *calls);
  }
  return json_response(200, std::move(body));
}

io::Task<Result<>> reserve(Call call, model::FunctionName name, std::optional<std::uint32_t> calls) {
  std::function<Result<>(catalog::Catalog&)> change = [name, calls](catalog::Catalog& catalog) {
    return catalog.reserve_concurrency(name, calls);
  };
  auto reserved = co_await call.mutate<void>(std::move(change));
  co_return reserved;
}

}  // namespace

io::Task<http::Response> put_function_concurrency(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  members.require("ReservedConcurrentExecutions");
  auto calls = members.integer("ReservedConcurrentExecutions", {0, INT32_MAX});
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  auto reserved = co_await reserve(call, function.name, static_cast<std::uint32_t>(*calls));
  if (!reserved) co_return respond(reserved.error());
  co_return reserved_response(static_cast<std::uint32_t>(*calls));
}

io::Task<http::Response> get_function_concurrency(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  co_return reserved_response(resolved.function->function.reserved_concurrency);
}

io::Task<http::Response> delete_function_concurrency(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.unqualified_function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  auto reserved = co_await reserve(call, function.name, std::nullopt);
  if (!reserved) co_return respond(reserved.error());
  co_return no_content();
}

io::Task<http::Response> get_account_settings(Call call) {
  catalog::Usage usage = call.catalog().usage();
  std::string body;
  {
    json::Object object(body);
    {
      json::Object limit(object.open("AccountLimit"));
      limit.add("TotalCodeSize", std::uint64_t{80530636800})
          .add("CodeSizeUnzipped", 262144000)
          .add("CodeSizeZipped", 52428800)
          .add("ConcurrentExecutions", usage.concurrency_limit)
          .add("UnreservedConcurrentExecutions", usage.unreserved_concurrency);
    }
    json::Object used(object.open("AccountUsage"));
    used.add("TotalCodeSize", usage.code.count).add("FunctionCount", usage.functions);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
