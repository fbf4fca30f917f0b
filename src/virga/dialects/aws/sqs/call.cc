#include "virga/dialects/aws/sqs/call.h"

#include <fmt/format.h>

#include <charconv>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::sqs {
namespace {

std::string text_of(const boost::json::value& value) {
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  return boost::json::serialize(value);
}

}  // namespace

const boost::json::value* Parameters::find(std::string_view name) const {
  const auto* value = object_->if_contains(boost::json::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> Parameters::text(std::string_view name) const {
  const auto* value = find(name);
  if (value == nullptr) return std::nullopt;
  return text_of(*value);
}

Answer<std::string> Parameters::required(std::string_view name) const {
  auto value = text(name);
  if (!value || value->empty()) return std::unexpected(missing(name));
  return *std::move(value);
}

Answer<std::optional<std::int64_t>> Parameters::integer(std::string_view name, Range range) const {
  auto value = text(name);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  auto [end, problem] = std::from_chars(value->data(), value->data() + value->size(), number);
  bool is_number = problem == std::errc() && end == value->data() + value->size();
  if (!is_number || number < range.least || number > range.most) {
    return std::unexpected(
        invalid_value(name, *value, fmt::format("Must be between {} and {}, if provided.", range.least, range.most)));
  }
  return number;
}

std::vector<std::string> Parameters::texts(std::string_view name) const {
  std::vector<std::string> texts;
  const auto* value = find(name);
  if (value == nullptr) return texts;
  if (const auto* list = value->if_array()) {
    for (const auto& element : *list) texts.push_back(text_of(element));
  }
  return texts;
}

std::map<std::string, std::string> Parameters::map(std::string_view name) const {
  std::map<std::string, std::string> entries;
  if (const auto* found = object(name)) {
    for (const auto& member : *found) {
      entries.emplace(std::string(member.key().data(), member.key().size()), text_of(member.value()));
    }
  }
  return entries;
}

const boost::json::object* Parameters::object(std::string_view name) const {
  const auto* value = find(name);
  return value == nullptr ? nullptr : value->if_object();
}

std::vector<const boost::json::object*> Parameters::objects(std::string_view name) const {
  std::vector<const boost::json::object*> objects;
  const auto* value = find(name);
  if (value == nullptr) return objects;
  if (const auto* list = value->if_array()) {
    for (const auto& element : *list) {
      if (const auto* one = element.if_object()) objects.push_back(one);
    }
  }
  return objects;
}

Answer<std::string> Call::queue_name() const {
  auto url = parameters().text("QueueUrl").value_or("");
  if (url.empty()) url = request_->path;
  auto name = url.substr(url.rfind('/') + 1);
  if (name.empty()) return std::unexpected(missing("QueueUrl"));
  if (!queue::is_queue_name(name)) {
    return std::unexpected(Refusal{
        400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist: '" + url + "'.", {}});
  }
  return name;
}

std::string Call::url_of(std::string_view queue) const {
  const auto& account = services_->account;
  auto host = request_->field("Host");
  auto base = host.empty() ? account.base_url : "http://" + std::string(host);
  return base + "/" + account.id + "/" + std::string(queue);
}

Refusal invalid_value(std::string message) {
  return Refusal{400, "InvalidParameterValue", std::move(message), {}};
}

Refusal invalid_value(std::string_view name, std::string_view value, std::string_view reason) {
  return invalid_value(fmt::format("Value {} for parameter {} is invalid. Reason: {}", value, name, reason));
}

Refusal missing(std::string_view name) {
  return Refusal{400, "MissingParameter", fmt::format("The request must contain the parameter {}.", name), {}};
}

Refusal of_service(std::string_view code, std::string message) {
  return Refusal{400, "AWS.SimpleQueueService." + std::string(code), std::move(message), {}};
}

Refusal refusal_of(const Error& error, std::string_view conflict) {
  auto make = [&](int status, std::string_view code) {
    return Refusal{status, std::string(code), error.message(), {}};
  };
  switch (error.code()) {
    case ErrorCode::NotFound:
      return of_service("NonExistentQueue", "The specified queue does not exist: " + error.message() + ".");
    case ErrorCode::InvalidArgument:
    case ErrorCode::TooLarge:
      return make(400, "InvalidParameterValue");
    case ErrorCode::AlreadyExists:
      return make(400, "QueueAlreadyExists");
    case ErrorCode::PreconditionFailed:
      return make(400, "ReceiptHandleIsInvalid");
    case ErrorCode::Conflict:
      return make(400, conflict);
    case ErrorCode::ResourceExhausted:
      return make(403, "OverLimit");
    case ErrorCode::Unavailable:
    case ErrorCode::Cancelled:
    case ErrorCode::DeadlineExceeded:
      return make(503, "ServiceUnavailable");
    default:
      return make(500, "InternalFailure");
  }
}

}  // namespace virga::dialects::aws::sqs
