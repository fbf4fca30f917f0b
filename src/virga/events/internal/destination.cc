#include "virga/events/internal/destination.h"

#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace virga::events::internal {
namespace {

constexpr std::size_t kMostErrorText = 1024;  // bytes, in a dead letter

std::string qualified_arn(const AcceptedCall& call) {
  return call.qualifier.empty() ? call.invocation.invoked_arn + ":$LATEST" : call.invocation.invoked_arn;
}

// A payload is JSON by convention; one that is not goes as a text.
void add_payload(json::Object& object, std::string_view name, std::string_view payload) {
  if (json::validate(payload)) {
    object.add_raw(name, payload);
  } else {
    object.add(name, payload);
  }
}

std::string error_message(const History& history) {
  if (history.attempts.empty()) return history.reason;
  const auto& error = history.attempts.back().error;
  json::Cursor cursor(error);
  std::string key;
  std::string message;
  for (bool more = cursor.enter_object(); more && cursor.next_member(key);) {
    bool is_text = key == "errorMessage" && cursor.peek() == json::Cursor::Kind::String;
    if (is_text ? !cursor.read_string(message) : !cursor.skip_value()) break;
  }
  return cursor.failed() || message.empty() ? history.reason : message;
}

void write_record(std::string& out, const AcceptedCall& call, const History& history) {
  json::Object record(out);
  record.add("version", "1.0").add("timestamp", format_rfc3339(history.ended));
  {
    json::Object context(record.open("requestContext"));
    context.add("requestId", call.invocation.id.text())
        .add("functionArn", qualified_arn(call))
        .add("condition", name(history.condition))
        .add("approximateInvokeCount", history.attempts.size());
  }
  add_payload(record, "requestPayload", call.invocation.payload);
  if (history.attempts.empty()) return;
  const auto& last = history.attempts.back();
  {
    json::Object context(record.open("responseContext"));
    context.add("statusCode", 200).add("executedVersion", last.version);
    if (last.fault != model::Fault::None) context.add("functionError", "Unhandled");
  }
  add_payload(record, "responsePayload", last.fault == model::Fault::None ? history.result : last.error);
}

}  // namespace

Parcel destination_record(const AcceptedCall& call, const History& history) {
  Parcel parcel;
  parcel.source = call.invocation.invoked_arn;
  write_record(parcel.body, call, history);
  return parcel;
}

Parcel dead_letter(const AcceptedCall& call, const History& history) {
  Parcel parcel;
  parcel.source = call.invocation.invoked_arn;
  parcel.body = call.invocation.payload;
  auto message = error_message(history);
  if (message.size() > kMostErrorText) message.resize(kMostErrorText);
  parcel.attributes = {{"RequestID", call.invocation.id.text()},
                       {"ErrorCode", history.attempts.empty() ? "429" : "200"},
                       {"ErrorMessage", std::move(message)}};
  return parcel;
}

Parcel undelivered(const AcceptedCall& call, const History& history) {
  Parcel parcel;
  parcel.source = call.sender;
  parcel.body = call.invocation.payload;
  parcel.attributes = {{"ERROR_CODE", "THROTTLING"},
                       {"ERROR_MESSAGE", history.reason},
                       {"EXHAUSTED_RETRY_CONDITION", "MaximumEventAgeInSeconds"},
                       {"RULE_ARN", call.sender},
                       {"TARGET_ARN", call.invocation.invoked_arn}};
  return parcel;
}

}  // namespace virga::events::internal
