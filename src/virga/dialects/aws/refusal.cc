#include "virga/dialects/aws/refusal.h"

#include <algorithm>
#include <array>

#include "virga/dispatch/refusals.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

// Errors whose model writes "message" in lower case; the clients of the others expect "Message".
constexpr std::array kLowerCaseMessage = {
    std::string_view("AliasLimitExceededException"),
    std::string_view("CodeStorageExceededException"),
    std::string_view("InvalidParameterValueException"),
    std::string_view("InvalidRequestContentException"),
    std::string_view("PolicyLengthExceededException"),
    std::string_view("PreconditionFailedException"),
    std::string_view("RequestTooLargeException"),
    std::string_view("ResourceConflictException"),
    std::string_view("ResourceNotReadyException"),
    std::string_view("TooManyRequestsException"),
    std::string_view("UnsupportedMediaTypeException"),
    std::string_view("ValidationException"),
    std::string_view("AccessDeniedException"),
    std::string_view("ProvisionedConcurrencyConfigNotFoundException"),
};

Refusal make(int status, std::string_view code, std::string message) {
  return Refusal{status, std::string(code), std::move(message), {}, {}};
}

}  // namespace

Refusal validation_exception(std::string message) {
  return make(400, "ValidationException", std::move(message));
}
Refusal invalid_parameter(std::string message) {
  return make(400, "InvalidParameterValueException", std::move(message));
}
Refusal invalid_request_content(std::string message) {
  return make(400, "InvalidRequestContentException", std::move(message));
}
Refusal serialization_exception(std::string message) {
  return make(400, "SerializationException", std::move(message));
}
Refusal not_found(std::string message) {
  return make(404, "ResourceNotFoundException", std::move(message));
}
Refusal conflict(std::string message) {
  return make(409, "ResourceConflictException", std::move(message));
}
Refusal request_too_large(std::string message) {
  return make(413, "RequestTooLargeException", std::move(message));
}
Refusal too_many_requests(std::string message, std::string reason) {
  return Refusal{429, "TooManyRequestsException", std::move(message), std::move(reason), 1};
}
Refusal service_exception(std::string message) {
  return make(500, "ServiceException", std::move(message));
}

Refusal to_refusal(const Error& error) {
  switch (error.code()) {
    case ErrorCode::InvalidArgument:
      return invalid_parameter(error.message());
    case ErrorCode::Unauthenticated:
      return make(403, "UnrecognizedClientException", error.message());
    case ErrorCode::PermissionDenied:
      return make(403, "AccessDeniedException", error.message());
    case ErrorCode::NotFound:
      return not_found(error.message());
    case ErrorCode::AlreadyExists:
    case ErrorCode::Conflict:
      return conflict(error.message());
    case ErrorCode::PreconditionFailed:
      return make(412, "PreconditionFailedException", error.message());
    case ErrorCode::TooLarge:
      return request_too_large(error.message());
    case ErrorCode::ResourceExhausted: {
      auto parts = dispatch::read_refusal(error);
      auto refusal = too_many_requests("Rate Exceeded. " + std::string(parts.text), std::string(parts.reason));
      refusal.retry_after = static_cast<int>(parts.retry_after.count());
      return refusal;
    }
    case ErrorCode::Unimplemented:
      return make(400, "UnsupportedOperationException", error.message());
    case ErrorCode::Unavailable:
    case ErrorCode::Cancelled:
    case ErrorCode::DeadlineExceeded: {
      auto refusal = make(503, "ServiceUnavailableException", error.message());
      auto parts = dispatch::read_refusal(error);
      refusal.reason = parts.reason;
      if (!parts.reason.empty()) refusal.retry_after = static_cast<int>(parts.retry_after.count());
      return refusal;
    }
    case ErrorCode::DataLoss:
    case ErrorCode::Internal:
      break;
  }
  return service_exception(error.message());
}

http::Response respond(const Refusal& refusal) {
  std::string body;
  {
    json::Object object(body);
    object.add("Type", refusal.status >= 500 ? "Service" : "User");
    bool lower = std::ranges::find(kLowerCaseMessage, refusal.code) != kLowerCaseMessage.end();
    object.add(lower ? "message" : "Message", refusal.message);
    if (!refusal.reason.empty()) object.add("Reason", refusal.reason);
    // botocore's model reads it from the header; other clients look for it here.
    if (refusal.retry_after) object.add("retryAfterSeconds", std::to_string(*refusal.retry_after));
  }
  auto response = http::Response::make(refusal.status, "application/json", std::move(body));
  response.add("x-amzn-ErrorType", refusal.code);
  if (refusal.retry_after) response.add("Retry-After", std::to_string(*refusal.retry_after));
  return response;
}

http::Response respond(const Error& error) {
  return respond(to_refusal(error));
}

}  // namespace virga::dialects::aws
