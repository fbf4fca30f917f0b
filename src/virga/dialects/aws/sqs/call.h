#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/error.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/http/message.h"
#include "virga/io/loop.h"
#include "virga/services/queue/queues.h"

namespace virga::dialects::aws::sqs {

namespace queue = services::queue;

// What the operations work with. All of it outlives them.
struct Services {
  queue::Queues& queues;
  io::Loop& loop;
  Account account;
};

// Reads the parameters of one request, or of one entry of a batch. Numbers may come as texts, as they do in a form. The
// object outlives it.
class Parameters {
 public:
  explicit Parameters(const boost::json::object& object) : object_(&object) {}

  std::optional<std::string> text(std::string_view name) const;  // what is no text is read as its JSON
  Answer<std::string> required(std::string_view name) const;
  Answer<std::optional<std::int64_t>> integer(std::string_view name, Range range) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::map<std::string, std::string> map(std::string_view name) const;
  const boost::json::object* object(std::string_view name) const;
  std::vector<const boost::json::object*> objects(std::string_view name) const;

 private:
  const boost::json::value* find(std::string_view name) const;
  const boost::json::object* object_;
};

// One request on its way through its operation. Small, and copied into the operation's coroutine; the request and the
// services live until that has ended.
class Call {
 public:
  Call(const Services& services, const http::Request& request, std::shared_ptr<const boost::json::object> parameters)
      : services_(&services), request_(&request), parameters_(std::move(parameters)) {}

  const Services& services() const { return *services_; }
  queue::Queues& queues() const { return services_->queues; }
  const http::Request& request() const { return *request_; }
  Parameters parameters() const { return Parameters(*parameters_); }
  // The name at the end of QueueUrl, or of the path that the request was sent to.
  Answer<std::string> queue_name() const;
  // With the host by which the caller reaches this one.
  std::string url_of(std::string_view queue) const;

 private:
  const Services* services_;
  const http::Request* request_;
  std::shared_ptr<const boost::json::object> parameters_;  // shared by the copies
};

// What operations refuse, with the Query protocol's codes.
Refusal invalid_value(std::string_view name, std::string_view value, std::string_view reason);
Refusal invalid_value(std::string message);
Refusal missing(std::string_view name);
Refusal of_service(std::string_view code, std::string message);  // "AWS.SimpleQueueService." + code
// What an error of the queues means to a client. `conflict`: what Conflict is called in this operation.
Refusal refusal_of(const Error& error, std::string_view conflict = "AWS.SimpleQueueService.UnsupportedOperation");

template <typename T>
Answer<T> answer_of(Result<T> result, std::string_view conflict = "AWS.SimpleQueueService.UnsupportedOperation") {
  if (!result) return std::unexpected(refusal_of(result.error(), conflict));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}

}  // namespace virga::dialects::aws::sqs

// In an operation (a coroutine that gives an Answer): the value, or the refusal.
#define VIRGA_CO_OR_REFUSE_WITH(temporary, target, expression)             \
  auto temporary = (expression);                                           \
  if (!temporary) co_return std::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)
#define VIRGA_CO_OR_REFUSE(target, expression) \
  VIRGA_CO_OR_REFUSE_WITH(VIRGA_CONCAT(virga_or_, __COUNTER__), target, expression)
