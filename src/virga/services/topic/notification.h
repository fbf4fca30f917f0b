#pragma once

#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/services/topic/filter.h"
#include "virga/services/topic/records.h"

namespace virga::services {

struct Message {
  std::string id;  // a UUID
  std::string body;
  std::string subject;  // "": none
  MessageAttributes attributes;
  std::map<std::string, std::string> by_protocol;  // bodies of their own, of MessageStructure=json
  std::string group;                               // of FIFO topics; queues get it of others, too
  std::string deduplication;                       // of FIFO topics

  const std::string& body_for(const std::string& protocol) const;
};

// What stands around a message on its way to one subscription.
struct Envelope {
  std::string_view topic_arn;
  std::string_view subscription_arn;
  std::string_view base_url;  // where clients reach Virga
  WallTime time;
};

// What functions get (aws-lambda-go, events/testdata/sns-event.json). Nothing is signed: the signature is empty.
std::string write_lambda_event(const Envelope& envelope, const Message& message, std::string_view body);
// What queues and HTTP endpoints get (SNS developer guide, "HTTP/HTTPS notification JSON format").
std::string write_notification(const Envelope& envelope, const Message& message, std::string_view body);
// What an HTTP endpoint gets first: a request to confirm, with where to do that.
std::string write_confirmation(const Envelope& envelope, std::string_view message_id, std::string_view token);

}  // namespace virga::services
