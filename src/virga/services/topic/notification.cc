#include "virga/services/topic/notification.h"

#include <fmt/format.h>

#include "virga/base/encoding.h"
#include "virga/json/text.h"

namespace virga::services {
namespace {

void add_attributes(json::Object& object, const MessageAttributes& attributes) {
  json::Object all(object.open("MessageAttributes"));
  for (const auto& [name, attribute] : attributes) {
    json::Object(all.open(name)).add("Type", attribute.type).add("Value", attribute.value);
  }
}

std::string unsubscribe_url(const Envelope& envelope) {
  return fmt::format("{}/?Action=Unsubscribe&SubscriptionArn={}", envelope.base_url,
                     percent_encode(envelope.subscription_arn));
}

}  // namespace

const std::string& Message::body_for(const std::string& protocol) const {
  auto own = by_protocol.find(protocol);
  return own == by_protocol.end() ? body : own->second;
}

std::string write_lambda_event(const Envelope& envelope, const Message& message, std::string_view body) {
  std::string text;
  {
    json::Object event(text);
    json::Array records(event.open("Records"));
    json::Object record(records.open());
    record.add("EventSource", "aws:sns")
        .add("EventVersion", "1.0")
        .add("EventSubscriptionArn", envelope.subscription_arn);
    json::Object sns(record.open("Sns"));
    sns.add("Type", "Notification").add("MessageId", message.id).add("TopicArn", envelope.topic_arn);
    if (message.subject.empty()) sns.add_raw("Subject", "null");
    if (!message.subject.empty()) sns.add("Subject", message.subject);
    sns.add("Message", body)
        .add("Timestamp", format_rfc3339(envelope.time))
        .add("SignatureVersion", "1")
        .add("Signature", "")
        .add("SigningCertUrl", "")
        .add("UnsubscribeUrl", unsubscribe_url(envelope));
    add_attributes(sns, message.attributes);
  }
  return text;
}

std::string write_notification(const Envelope& envelope, const Message& message, std::string_view body) {
  std::string text;
  {
    json::Object object(text);
    object.add("Type", "Notification").add("MessageId", message.id).add("TopicArn", envelope.topic_arn);
    if (!message.subject.empty()) object.add("Subject", message.subject);
    object.add("Message", body)
        .add("Timestamp", format_rfc3339(envelope.time))
        .add("SignatureVersion", "1")
        .add("Signature", "")
        .add("SigningCertURL", "")
        .add("UnsubscribeURL", unsubscribe_url(envelope));
    if (!message.attributes.empty()) add_attributes(object, message.attributes);
  }
  return text;
}

std::string write_confirmation(const Envelope& envelope, std::string_view message_id, std::string_view token) {
  std::string text;
  {
    json::Object object(text);
    object.add("Type", "SubscriptionConfirmation")
        .add("MessageId", message_id)
        .add("Token", token)
        .add("TopicArn", envelope.topic_arn)
        .add("Message", fmt::format("You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit "
                                    "the SubscribeURL included in this message.",
                                    envelope.topic_arn))
        .add("SubscribeURL", fmt::format("{}/?Action=ConfirmSubscription&TopicArn={}&Token={}", envelope.base_url,
                                         percent_encode(envelope.topic_arn), percent_encode(token)))
        .add("Timestamp", format_rfc3339(envelope.time))
        .add("SignatureVersion", "1")
        .add("Signature", "")
        .add("SigningCertURL", "");
  }
  return text;
}

}  // namespace virga::services
