#include "virga/dialects/aws/lambda/lambda_api.h"

#include <fmt/format.h>

#include <map>

#include "virga/base/assert.h"
#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kUnknownBody = 64 << 10;  // bytes that are read before an unknown path is refused

// "find=LayerVersion" among the parameters of a query.
bool has_parameter(std::string_view query, std::string_view wanted) {
  while (!query.empty()) {
    std::string_view part = query.substr(0, query.find('&'));
    if (part == wanted) return true;
    query.remove_prefix(part.size() < query.size() ? part.size() + 1 : query.size());
  }
  return false;
}

// What a function may do with the key in its environment: all else would let one change or read the others.
bool is_open_to_functions(const lambda::Operation& operation) {
  return operation.name.starts_with("Invoke");
}

}  // namespace

LambdaApi::LambdaApi(Parts parts)
    : services_(std::make_unique<lambda::Services>(
          lambda::Services{parts.catalog, parts.deployments, parts.invoker, parts.async_calls, parts.targets,
                           parts.queues, parts.mappings, parts.runtimes, parts.clock, parts.random,
                           std::move(parts.account), parts.links, policies_, parts.objects})) {
  std::map<std::string, std::size_t> routes;
  for (const lambda::Operation& operation : lambda::operations()) {
    std::string key = fmt::format("{} {}", operation.method, operation.path);
    auto known = routes.find(key);
    if (known == routes.end()) {
      auto added = router_.add(operation.method, operation.path);
      VIRGA_ASSERT(added.has_value());
      by_route_.resize(*added + 1);
      known = routes.emplace(key, *added).first;
    }
    by_route_[known->second].push_back(&operation);
  }
}

LambdaApi::~LambdaApi() = default;

const lambda::Operation* LambdaApi::find(const http::Request& request, http::RouteMatch& match) const {
  auto found = router_.find(request.method, request.path);
  if (!found) return nullptr;
  match = *found;
  const lambda::Operation* chosen = nullptr;
  for (const lambda::Operation* operation : by_route_[match.route]) {
    if (operation->query.empty() && chosen == nullptr) chosen = operation;
    if (!operation->query.empty() && has_parameter(request.query, operation->query)) chosen = operation;
  }
  return chosen;
}

std::uint64_t LambdaApi::body_limit(const http::Request& head) const {
  http::RouteMatch match;
  const lambda::Operation* operation = find(head, match);
  return operation == nullptr ? kUnknownBody : operation->body_limit;
}

http::Admission::Order LambdaApi::order(const http::Request& head) const {
  bool is_event = head.method == "POST" && head.field("x-amz-invocation-type") == "Event";
  return is_event && head.path.ends_with("/invocations") ? http::Admission::Order::MayOverlap
                                                         : http::Admission::Order::OneByOne;
}

http::Response LambdaApi::refuse(const http::Request&, const Refusal& refusal, const std::string&) const {
  return respond(refusal);
}

io::Task<http::Response> LambdaApi::answer(const http::Request& request, const Identity& identity,
                                           std::string request_id) {
  http::RouteMatch match;
  const lambda::Operation* operation = find(request, match);
  if (operation == nullptr) {
    Refusal unknown{404,
                    "UnknownOperationException",
                    fmt::format("The Lambda API has no operation {} {}.", request.method, request.path),
                    {}};
    co_return counted(kUnknownOperation, respond(unknown));
  }
  if (!identity.function.empty() && !is_open_to_functions(*operation)) {
    Refusal refusal{403,
                    "AccessDeniedException",
                    fmt::format("User: {} is not authorized to perform: lambda:{}. The key of a function may invoke "
                                "functions and change none; use the root key.",
                                caller_arn(services_->account, identity.function), operation->name),
                    {}};
    co_return respond(refusal);
  }
  if (operation->handler == nullptr) {
    Refusal unbuilt{
        400, "UnsupportedOperationException", fmt::format("Virga does not implement {} yet.", operation->name), {}};
    co_return counted(operation->name, respond(unbuilt));
  }
  lambda::Call call(*services_, request, match, std::move(request_id));
  auto response = co_await operation->handler(std::move(call));
  co_return counted(operation->name, std::move(response));
}

}  // namespace virga::dialects::aws
