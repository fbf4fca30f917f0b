#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "virga/base/error.h"
#include "virga/http/message.h"

namespace virga::dialects::aws {

// An error as AWS Lambda's clients know it: a status, the exception's name, and a message for a person. Source of the
// pairs: botocore lambda/2015-03-31 (errors) and what its clients accept beyond (developer guide, "Common errors").
struct Refusal {
  int status = 500;
  std::string code;                               // "ResourceNotFoundException"
  std::string message;                            // what happened, which value, what to do
  std::string reason;                             // of a refusal for want of capacity; may be empty
  std::optional<int> retry_after = std::nullopt;  // seconds
};

template <typename T>
using Answer = std::expected<T, Refusal>;

// 400, a value that breaks a constraint of the API's model.
Refusal validation_exception(std::string message);
// 400, a value that makes no sense here.
Refusal invalid_parameter(std::string message);
// 400, a body that is no JSON, or a member of the wrong type.
Refusal invalid_request_content(std::string message);
Refusal serialization_exception(std::string message);
Refusal not_found(std::string message);          // 404
Refusal conflict(std::string message);           // 409
Refusal request_too_large(std::string message);  // 413
Refusal too_many_requests(std::string message, std::string reason);
Refusal service_exception(std::string message);  // 500

// What a failure of the house below means to a client.
Refusal to_refusal(const Error& error);

http::Response respond(const Refusal& refusal);
http::Response respond(const Error& error);

}  // namespace virga::dialects::aws

// In a handler (a coroutine that gives an http::Response): the value, or the answer that says why there is none. For a
// Result and an Answer.
#define VIRGA_OR_RESPOND_WITH(temporary, target, expression)                               \
  auto temporary = (expression);                                                           \
  if (!temporary) co_return ::virga::dialects::aws::respond(std::move(temporary).error()); \
  target = std::move(*temporary)
#define VIRGA_OR_RESPOND(target, expression) \
  VIRGA_OR_RESPOND_WITH(VIRGA_CONCAT(virga_or_, __COUNTER__), target, expression)
// The same in a function that gives an Answer.
#define VIRGA_OR_REFUSE_WITH(temporary, target, expression)             \
  auto temporary = (expression);                                        \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)
#define VIRGA_OR_REFUSE(target, expression) \
  VIRGA_OR_REFUSE_WITH(VIRGA_CONCAT(virga_or_, __COUNTER__), target, expression)
// The same in a coroutine that gives an Answer.
#define VIRGA_OR_REFUSE_CO_WITH(temporary, target, expression)             \
  auto temporary = (expression);                                           \
  if (!temporary) co_return std::unexpected(std::move(temporary).error()); \
  target = std::move(*temporary)
#define VIRGA_OR_REFUSE_CO(target, expression) \
  VIRGA_OR_REFUSE_CO_WITH(VIRGA_CONCAT(virga_or_, __COUNTER__), target, expression)
