#include "virga/dialects/aws/sqs/sqs_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "virga/dialects/aws/sqs/operations.h"
#include "virga/dialects/aws/sqs/wire.h"

namespace virga::dialects::aws {

http::Response SqsApi::refuse(const http::Request& request, const Refusal& refusal,
                              const std::string& request_id) const {
  return sqs::render(sqs::protocol_of(request), refusal, request_id);
}

io::Task<http::Response> SqsApi::answer(const http::Request& request, const Identity&, std::string request_id) {
  auto parsed = sqs::parse(request);
  if (!parsed) co_return counted(kUnknownOperation, refuse(request, parsed.error(), request_id));
  const auto& name = parsed->operation;
  auto operations = sqs::operations();
  auto operation = std::ranges::find(operations, name, &sqs::Operation::name);
  if (operation == operations.end() || operation->handler == nullptr) {
    bool is_known = operation != operations.end();
    Refusal refusal{400,
                    is_known ? "AWS.SimpleQueueService.UnsupportedOperation" : "InvalidAction",
                    is_known       ? fmt::format("Virga does not implement {} yet.", name)
                    : name.empty() ? std::string("The request names no Action.")
                                   : fmt::format("The action {} is not valid for this endpoint.", name),
                    {}};
    co_return counted(is_known ? operation->name : kUnknownOperation, refuse(request, refusal, request_id));
  }
  auto parameters = std::make_shared<const boost::json::object>(std::move(parsed->parameters));
  sqs::Call call(services_, request, std::move(parameters));
  auto reply = co_await operation->handler(std::move(call));
  if (!reply) co_return counted(operation->name, refuse(request, reply.error(), request_id));
  auto response = sqs::render(sqs::protocol_of(request), operation->name, operation->has_result, *reply, request_id);
  co_return counted(operation->name, std::move(response));
}

}  // namespace virga::dialects::aws
