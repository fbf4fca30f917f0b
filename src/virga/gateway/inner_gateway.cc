#include "virga/gateway/inner_gateway.h"

#include "virga/gateway/gateway.h"

namespace virga::gateway {

io::Task<http::Response> InnerGateway::handle(const http::Request& request) {
  auto target = function_target(request.field("Host"), request.path);
  if (!target.function.empty()) {
    auto response = co_await urls_.handle(request, target.function, target.path);
    co_return response;
  }
  auto response = co_await aws_.handle(request);
  co_return response;
}

http::Admission InnerGateway::admit(const http::Request& head) {
  bool is_for_function = !function_target(head.field("Host"), head.path).function.empty();
  return is_for_function ? http::Admission{} : aws_.admit(head);
}

}  // namespace virga::gateway
