// Messages as Amazon SQS writes them.

#include <fmt/format.h>

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sqs/attributes.h"
#include "virga/services/queue/digest.h"

namespace virga::dialects::aws::sqs {
namespace {

using queue::Attribute;

constexpr std::size_t kMostAttributes = 10;
constexpr std::string_view kTrace = "AWSTraceHeader";

// "Attribute names and types" of the developer guide.
bool is_attribute_name(std::string_view name) {
  if (name.empty() || name.size() > 256 || name.starts_with('.') || name.ends_with('.')) return false;
  if (name.find("..") != name.npos) return false;
  auto lower = to_lower(name);
  if (lower.starts_with("aws.") || lower.starts_with("amazon.")) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// XML 1.0's characters: #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD #x10000-#x10FFFF (API reference, SendMessage).
bool has_allowed_characters(std::string_view text) {
  if (!is_utf8(text)) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
    // U+FFFE and U+FFFF
    if (c == 0xEF && text.substr(i + 1, 1) == "\xBF" &&
        (text.substr(i + 2, 1) == "\xBE" || text.substr(i + 2, 1) == "\xBF")) {
      return false;
    }
  }
  return true;
}

bool is_of_kind(std::string_view type, std::string_view kind) {
  return type == kind || (type.starts_with(kind) && type.size() > kind.size() && type[kind.size()] == '.');
}

Answer<Attribute> read_attribute(std::string_view name, const boost::json::value& value) {
  auto refuse = [&](std::string_view problem) {
    return std::unexpected(invalid_value(fmt::format("The message attribute '{}' {}.", name, problem)));
  };
  if (!is_attribute_name(name)) {
    return refuse("has a name that is not allowed: use up to 256 of A-Z, a-z, 0-9, _, -, and . between them");
  }
  const auto* object = value.if_object();
  if (object == nullptr) return refuse("must have a DataType and a value");
  Parameters members(*object);
  Attribute attribute;
  attribute.name = name;
  attribute.type = members.text("DataType").value_or("");
  if (attribute.type.empty()) return refuse("must contain a non-empty message attribute type");
  auto text = members.text("StringValue");
  auto binary = members.text("BinaryValue");
  if (is_of_kind(attribute.type, "Binary")) {
    attribute.kind = Attribute::Kind::Binary;
    auto bytes = from_base64(binary.value_or(""));
    if (!bytes || bytes->empty()) return refuse("must contain a non-empty BinaryValue in Base64");
    attribute.value = std::move(*bytes);
    return attribute;
  }
  bool is_number = is_of_kind(attribute.type, "Number");
  if (!is_number && !is_of_kind(attribute.type, "String")) {
    return refuse(
        "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and "
        "String");
  }
  if (!text || text->empty()) {
    return refuse(fmt::format("must contain a non-empty message attribute value for message attribute type '{}'",
                              attribute.type));
  }
  if (!has_allowed_characters(*text)) return refuse("has a value with characters that are not allowed");
  if (is_number && text->find_first_not_of("0123456789+-.eE") != std::string::npos) {
    return refuse(fmt::format("has the value '{}', which is no number", *text));
  }
  attribute.value = std::move(*text);
  return attribute;
}

Answer<bool> read_group(const Parameters& parameters, const queue::QueueRecord& record, queue::Message& message) {
  message.group = parameters.text("MessageGroupId").value_or("");
  message.deduplication = parameters.text("MessageDeduplicationId").value_or("");
  for (const auto& [name, text] :
       {std::pair("MessageGroupId", message.group), std::pair("MessageDeduplicationId", message.deduplication)}) {
    bool is_good = std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
    if (text.size() > 128 || !is_good) {
      return std::unexpected(invalid_value(
          name, text,
          fmt::format("{} can only include alphanumeric and punctuation characters. 1 to 128 in length.", name)));
    }
  }
  if (!record.settings.is_fifo) {
    if (message.deduplication.empty()) return true;
    return std::unexpected(invalid_value("MessageDeduplicationId", message.deduplication,
                                         "The request includes a parameter that is not valid for this queue type."));
  }
  if (message.group.empty()) return std::unexpected(missing("MessageGroupId"));
  if (message.deduplication.empty() && !record.settings.dedup_by_content) {
    return std::unexpected(invalid_value(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
        "explicitly."));
  }
  return true;
}

bool is_wanted(std::string_view name, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(wanted, [&](std::string_view one) {
    if (one == "All" || one == ".*" || one == name) return true;
    return one.ends_with(".*") && name.starts_with(one.substr(0, one.size() - 2));
  });
}

}  // namespace

Answer<queue::Queues::Outgoing> read_message(const Call& call, const Parameters& parameters,
                                             const queue::QueueRecord& record) {
  queue::Queues::Outgoing outgoing;
  auto& message = outgoing.message;
  message.body = parameters.text("MessageBody").value_or("");
  if (message.body.empty()) return std::unexpected(missing("MessageBody"));
  if (!has_allowed_characters(message.body)) {
    return std::unexpected(Refusal{400,
                                   "InvalidMessageContents",
                                   "The message contains characters outside the allowed set: #x9, #xA, #xD, #x20 to "
                                   "#xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF.",
                                   {}});
  }
  VIRGA_OR_REFUSE(auto delay, parameters.integer("DelaySeconds", {0, 900}));
  if (delay && *delay != 0 && record.settings.is_fifo) {
    return std::unexpected(invalid_value("DelaySeconds", std::to_string(*delay),
                                         "The request include parameter that is not valid for this queue type."));
  }
  if (delay) outgoing.delay = std::chrono::seconds(*delay);
  if (const auto* attributes = parameters.object("MessageAttributes")) {
    if (attributes->size() > kMostAttributes) {
      return std::unexpected(invalid_value(
          fmt::format("Number of message attributes [{}] exceeds the allowed maximum [10].", attributes->size())));
    }
    for (const auto& member : *attributes) {
      std::string_view name(member.key().data(), member.key().size());
      VIRGA_OR_REFUSE(auto attribute, read_attribute(name, member.value()));
      message.attributes.push_back(std::move(attribute));
    }
    std::ranges::sort(message.attributes, {}, &Attribute::name);
  }
  if (const auto* system = parameters.object("MessageSystemAttributes")) {
    for (const auto& member : *system) {
      std::string_view name(member.key().data(), member.key().size());
      VIRGA_OR_REFUSE(auto attribute, read_attribute(name, member.value()));
      if (name != kTrace || attribute.type != "String") {
        return std::unexpected(invalid_value(fmt::format(
            "Message system attribute name '{}' is invalid; only AWSTraceHeader, a String, can be sent.", name)));
      }
      message.trace = std::move(attribute.value);
    }
  }
  VIRGA_OR_REFUSE([[maybe_unused]] bool done, read_group(parameters, record, message));
  if (message.size() > record.settings.max_message) {
    return std::unexpected(invalid_value(fmt::format(
        "One or more parameters are invalid. Reason: Message must be shorter than {} bytes; this one has {}.",
        record.settings.max_message, message.size())));
  }
  message.sender = call.services().account.id;
  return outgoing;
}

boost::json::object describe_sent(const queue::Queues::Outgoing& outgoing, const queue::Queues::Sent& sent,
                                  bool is_fifo) {
  const auto& message = outgoing.message;
  boost::json::object answer;
  answer["MessageId"] = sent.id;
  answer["MD5OfMessageBody"] = queue::md5_hex(message.body);
  if (!message.attributes.empty()) answer["MD5OfMessageAttributes"] = queue::md5_of(message.attributes);
  if (!message.trace.empty()) {
    std::vector<Attribute> system = {{std::string(kTrace), "String", Attribute::Kind::Text, message.trace}};
    answer["MD5OfMessageSystemAttributes"] = queue::md5_of(system);
  }
  if (is_fifo) answer["SequenceNumber"] = fmt::format("{:020}", sent.number);
  return answer;
}

boost::json::object describe(const queue::Received& received, const Wanted& wanted) {
  const auto& message = received.message;
  boost::json::object answer;
  answer["MessageId"] = message.id;
  answer["ReceiptHandle"] = received.receipt;
  answer["MD5OfBody"] = queue::md5_hex(message.body);
  answer["Body"] = message.body;
  boost::json::object system;
  auto add = [&](std::string_view name, std::string value) {
    if (value.empty() || !is_wanted(name, wanted.system)) return;
    system[boost::json::string_view(name.data(), name.size())] = std::move(value);
  };
  add("SenderId", message.sender);
  add("SentTimestamp", std::to_string(unix_milliseconds(message.sent)));
  add("ApproximateReceiveCount", std::to_string(received.receives));
  add("ApproximateFirstReceiveTimestamp", std::to_string(unix_milliseconds(received.first_received)));
  add("MessageGroupId", message.group);
  add("MessageDeduplicationId", message.deduplication);
  if (!message.group.empty() && !message.deduplication.empty()) {
    add("SequenceNumber", fmt::format("{:020}", received.number));
  }
  add("AWSTraceHeader", message.trace);
  add("DeadLetterQueueSourceArn", message.dead_letter_source);
  if (!system.empty()) answer["Attributes"] = std::move(system);
  std::vector<Attribute> shown;
  boost::json::object named;
  for (const auto& attribute : message.attributes) {
    if (!is_wanted(attribute.name, wanted.named)) continue;
    boost::json::object one;
    if (attribute.kind == Attribute::Kind::Text) {
      one["StringValue"] = attribute.value;
    } else {
      one["BinaryValue"] = to_base64(attribute.value);
    }
    one["DataType"] = attribute.type;
    named[attribute.name] = std::move(one);
    shown.push_back(attribute);
  }
  if (!shown.empty()) {
    answer["MD5OfMessageAttributes"] = queue::md5_of(shown);
    answer["MessageAttributes"] = std::move(named);
  }
  return answer;
}

}  // namespace virga::dialects::aws::sqs
