#include "virga/services/queue/internal/sqs_event.h"

#include <fmt/format.h>

#include <algorithm>

#include "virga/json/cursor.h"
#include "virga/json/text.h"
#include "virga/services/queue/digest.h"

namespace virga::services::queue::internal {
namespace {

enum class Body { AsText, AsJson };

std::string_view region_of(std::string_view arn) {
  for (int i = 0; i < 3; ++i) {
    auto colon = arn.find(':');
    if (colon == arn.npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return arn.substr(0, arn.find(':'));
}

bool is_json_object(std::string_view text) {
  json::Cursor cursor(text);
  return cursor.peek() == json::Cursor::Kind::Object && json::validate(text).has_value();
}

void append_attributes(json::Object& record, const Received& received) {
  const auto& message = received.message;
  json::Object attributes(record.open("attributes"));
  attributes.add("ApproximateReceiveCount", std::to_string(received.receives));
  if (!message.trace.empty()) attributes.add("AWSTraceHeader", message.trace);
  attributes.add("SentTimestamp", std::to_string(unix_milliseconds(message.sent)));
  if (!message.group.empty()) {
    attributes.add("SequenceNumber", fmt::format("{:020}", received.number)).add("MessageGroupId", message.group);
  }
  attributes.add("SenderId", message.sender);
  if (!message.deduplication.empty()) attributes.add("MessageDeduplicationId", message.deduplication);
  if (!message.dead_letter_source.empty()) attributes.add("DeadLetterQueueSourceArn", message.dead_letter_source);
  attributes.add("ApproximateFirstReceiveTimestamp", std::to_string(unix_milliseconds(received.first_received)));
}

void append_message_attributes(json::Object& record, const Message& message) {
  json::Object attributes(record.open("messageAttributes"));
  for (const auto& attribute : message.attributes) {
    json::Object one(attributes.open(attribute.name));
    if (attribute.kind == Attribute::Kind::Text) {
      one.add("stringValue", attribute.value);
    } else {
      json::append_base64_string(one.open("binaryValue"), attribute.value);
    }
    one.add_raw("stringListValues", "[]").add_raw("binaryListValues", "[]").add("dataType", attribute.type);
  }
}

void append_record(std::string& out, const Received& received, std::string_view arn, Body body) {
  const auto& message = received.message;
  json::Object record(out);
  record.add("messageId", message.id).add("receiptHandle", received.receipt);
  if (body == Body::AsJson && is_json_object(message.body)) {
    record.add_raw("body", message.body);
  } else {
    record.add("body", message.body);
  }
  append_attributes(record, received);
  append_message_attributes(record, message);
  record.add("md5OfBody", md5_hex(message.body));
  if (!message.attributes.empty()) record.add("md5OfMessageAttributes", md5_of(message.attributes));
  record.add("eventSource", "aws:sqs").add("eventSourceARN", arn).add("awsRegion", region_of(arn));
}

}  // namespace

std::string make_event(std::span<const Received> messages, std::string_view queue_arn) {
  std::string event;
  {
    json::Object object(event);
    json::Array records(object.open("Records"));
    for (const auto& message : messages) append_record(records.open(), message, queue_arn, Body::AsText);
  }
  return event;
}

std::string make_filter_record(const Received& message, std::string_view queue_arn) {
  std::string record;
  append_record(record, message, queue_arn, Body::AsJson);
  return record;
}

std::optional<std::set<std::string>> read_failures(std::string_view answer, std::span<const Received> messages) {
  std::set<std::string> failed;
  json::Cursor cursor(answer);
  if (answer.empty()) return failed;
  if (cursor.peek() != json::Cursor::Kind::Object) {
    // "null" and other values that are no report: all went well. What is no JSON at all says nothing good.
    if (json::validate(answer)) return failed;
    return std::nullopt;
  }
  std::string key;
  for (bool more = cursor.enter_object(); more && cursor.next_member(key);) {
    if (key != "batchItemFailures" || cursor.peek() != json::Cursor::Kind::Array) {
      (void)cursor.skip_value();
      continue;
    }
    for (bool in_list = cursor.enter_array(); in_list && cursor.next_element();) {
      std::string id;
      if (cursor.peek() != json::Cursor::Kind::Object) return std::nullopt;
      std::string member;
      for (bool in_item = cursor.enter_object(); in_item && cursor.next_member(member);) {
        if (member == "itemIdentifier" && cursor.peek() == json::Cursor::Kind::String) {
          (void)cursor.read_string(id);
        } else {
          (void)cursor.skip_value();
        }
      }
      bool is_known = std::ranges::any_of(messages, [&](const Received& one) { return one.message.id == id; });
      if (!is_known) return std::nullopt;
      failed.insert(std::move(id));
    }
  }
  if (!cursor.finish()) return std::nullopt;
  return failed;
}

}  // namespace virga::services::queue::internal
