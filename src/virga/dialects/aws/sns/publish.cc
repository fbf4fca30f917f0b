#include <fmt/format.h>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/dialects/aws/sns/operations.h"
#include "virga/dialects/aws/xml.h"
#include "virga/json/value.h"

namespace virga::dialects::aws::sns {
namespace {

constexpr std::size_t kMostBytes = 256 << 10;
constexpr int kMostEntries = 10;

// The attributes below PREFIX.entry.N.
Answer<services::MessageAttributes> read_attributes(const Query& query, const std::string& prefix) {
  services::MessageAttributes attributes;
  for (int i = 1;; ++i) {
    auto entry = fmt::format("{}MessageAttributes.entry.{}.", prefix, i);
    auto name = query.find(entry + "Name");
    if (!name) return attributes;
    services::MessageAttribute attribute;
    attribute.type = query.find(entry + "Value.DataType").value_or("");
    auto text = query.find(entry + "Value.StringValue");
    auto bytes = query.find(entry + "Value.BinaryValue");
    bool is_known = attribute.type.starts_with("String") || attribute.type.starts_with("Number") ||
                    attribute.type.starts_with("Binary");
    if (!is_known || (!text && !bytes)) {
      return std::unexpected(Refusal{
          400,
          "ParameterValueInvalid",
          fmt::format("The message attribute '{}' must have a data type of String, Number or Binary, and a value.",
                      *name),
          {}});
    }
    attribute.value = text ? *text : *bytes;
    attributes[std::string(*name)] = std::move(attribute);
  }
}

// The message whose parameters begin with `prefix`.
Answer<services::Message> read_message(const Call& call, const std::string& topic, const std::string& prefix) {
  const auto& query = call.query;
  auto text = [&](std::string_view name) { return std::string(query.find(prefix + std::string(name)).value_or("")); };
  services::Message message;
  message.id = make_uuid(call.random);
  message.body = text("Message");
  message.subject = text("Subject");
  message.group = text("MessageGroupId");
  message.deduplication = text("MessageDeduplicationId");
  VIRGA_OR_REFUSE(message.attributes, read_attributes(query, prefix));
  if (message.body.empty()) return std::unexpected(invalid("Empty message"));
  if (message.body.size() > kMostBytes) return std::unexpected(invalid("Message too long"));
  if (message.subject.size() > 100) return std::unexpected(invalid("Subject"));
  if (auto complete = call.topics.complete(topic, message); !complete) {
    return std::unexpected(refusal_of(complete.error()));
  }
  if (text("MessageStructure") != "json") return message;
  auto bodies = json::parse(message.body);
  const auto* otherwise = bodies ? bodies->find("default") : nullptr;
  if (otherwise == nullptr || !otherwise->is(json::Value::Kind::String)) {
    return std::unexpected(invalid("Message Structure - No default entry in JSON message body"));
  }
  for (const auto& [protocol, body] : bodies->members) {
    if (body.is(json::Value::Kind::String)) message.by_protocol[protocol] = body.text;
  }
  auto fallback = otherwise->text;
  message.body = std::move(fallback);
  return message;
}

}  // namespace

io::Task<Reply> publish(Call call) {
  bool has_target = !call.text("TargetArn").empty();
  VIRGA_OR_REFUSE_CO(std::string topic, topic_of(call, has_target ? "TargetArn" : "TopicArn"));
  VIRGA_OR_REFUSE_CO(services::Message message, read_message(call, topic, ""));
  std::string out;
  add_element(out, "MessageId", message.id);
  std::vector<services::Message> messages;
  messages.push_back(std::move(message));
  auto published = co_await call.topics.publish(topic, std::move(messages));
  if (!published) co_return std::unexpected(refusal_of(published.error()));
  co_return out;
}

io::Task<Reply> publish_batch(Call call) {
  VIRGA_OR_REFUSE_CO(std::string topic, topic_of(call));
  std::vector<services::Message> messages;
  std::map<std::string, std::string> ids;  // by the entry's own
  std::map<std::string, Refusal> refused;
  for (int i = 1;; ++i) {
    auto prefix = fmt::format("PublishBatchRequestEntries.member.{}.", i);
    auto id = call.text(prefix + "Id");
    if (id.empty()) break;
    if (i > kMostEntries) {
      co_return std::unexpected(Refusal{400,
                                        "TooManyEntriesInBatchRequest",
                                        fmt::format("The batch request contains more than {} entries.", kMostEntries),
                                        {}});
    }
    if (ids.contains(id) || refused.contains(id)) {
      co_return std::unexpected(
          Refusal{400, "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.", {}});
    }
    auto message = read_message(call, topic, prefix);
    if (!message) {
      refused.emplace(id, message.error());
      continue;
    }
    ids.emplace(id, message->id);
    messages.push_back(std::move(*message));
  }
  if (ids.empty() && refused.empty()) {
    co_return std::unexpected(Refusal{400, "EmptyBatchRequest", "The batch request doesn't contain any entries.", {}});
  }
  auto published = co_await call.topics.publish(topic, std::move(messages));
  if (!published) co_return std::unexpected(refusal_of(published.error()));
  std::string out;
  {
    XmlElement list(out, "Successful");
    for (const auto& [id, message_id] : ids) {
      XmlElement member(list, "member");
      member.add("Id", id).add("MessageId", message_id);
    }
  }
  {
    XmlElement list(out, "Failed");
    for (const auto& [id, refusal] : refused) {
      XmlElement member(list, "member");
      member.add("Id", id).add("Code", refusal.code).add("Message", refusal.message).add("SenderFault", "true");
    }
  }
  co_return out;
}

}  // namespace virga::dialects::aws::sns
