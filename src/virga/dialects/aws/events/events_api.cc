#include "virga/dialects/aws/events/events_api.h"

#include <fmt/format.h>

#include <algorithm>

#include "virga/dialects/aws/events/operations.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

constexpr std::string_view kPrefix = "AWSEvents.";
constexpr std::string_view kType = "application/x-amz-json-1.1";

}  // namespace

http::Response EventsApi::refuse(const http::Request&, const Refusal& refusal, const std::string&) const {
  std::string body;
  json::Object(body).add("__type", refusal.code).add("message", refusal.message);
  return http::Response::make(refusal.status, kType, std::move(body));
}

io::Task<http::Response> EventsApi::answer(const http::Request& request, const Identity&, std::string request_id) {
  auto target = request.field("X-Amz-Target");
  auto name = target.starts_with(kPrefix) ? target.substr(kPrefix.size()) : target;
  auto operations = event_bridge::operations();
  auto operation = std::ranges::find(operations, name, &event_bridge::Operation::name);
  if (operation == operations.end()) {
    Refusal unknown{400,
                    "UnknownOperationException",
                    fmt::format("Virga does not implement the EventBridge operation '{}'.", name),
                    {}};
    co_return counted(kUnknownOperation, refuse(request, unknown, request_id));
  }
  auto body = parse_body(request.body);
  if (!body) {
    auto refusal = std::move(body).error();
    refusal.code = "SerializationException";
    co_return counted(operation->name, refuse(request, refusal, request_id));
  }
  event_bridge::Call call{parts_.bus, parts_.targets, parts_.clock, std::move(*body)};
  auto answer = co_await operation->handler(std::move(call));
  if (!answer) co_return counted(operation->name, refuse(request, answer.error(), request_id));
  co_return counted(operation->name, http::Response::make(200, kType, std::move(*answer)));
}

}  // namespace virga::dialects::aws
