#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "virga/dialects/aws/s3/call.h"

// Who is told of what happens in a bucket (S3 user guide, "Amazon S3 Event Notifications").
namespace virga::dialects::aws::s3 {

struct NotificationRule {
  enum class Kind { Function, Queue, Topic };
  Kind kind = Kind::Function;
  std::string id;
  std::string target;               // ARN
  std::vector<std::string> events;  // "s3:ObjectCreated:*"
  std::string prefix;               // of keys
  std::string suffix;
};

Answer<std::vector<NotificationRule>> read_notifications(const XmlNode& configuration);
std::string write_notifications(const std::vector<NotificationRule>& rules);
// `event` without "s3:", such as "ObjectCreated:Put".
bool matches(const NotificationRule& rule, std::string_view event, std::string_view key);
std::string_view event_name(object::ChangeKind kind);

// The event as functions get it: version 2.1 of the S3 event message structure.
std::string event_body(const object::Change& change, const NotificationRule& rule, const Account& account);

// What a queue or topic gets when it is set to be told of a bucket (S3 user guide, "Event message structure").
std::string test_event_body(std::string_view bucket, std::string_view request_id, WallTime now);

// Sends events of buckets to their targets, as a part of the changes themselves: what is acknowledged is told. One
// loop.
class Notifications final : public object::ChangeListener {
 public:
  // The targets outlive it.
  Notifications(const events::Targets& targets, Account account) : targets_(targets), account_(std::move(account)) {}

  std::vector<std::function<void()>> changing(const object::Change& change, store::Batch& batch) override;

 private:
  const events::Targets& targets_;
  Account account_;
};

}  // namespace virga::dialects::aws::s3
