#include "virga/dialects/aws/s3/notifications.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/settings.h"
#include "virga/dialects/aws/xml.h"
#include "virga/json/text.h"
#include "virga/telemetry/log.h"

namespace virga::dialects::aws::s3 {
namespace {

struct KindNames {
  NotificationRule::Kind kind;
  std::string_view configuration;
  std::string_view arn;
};
constexpr std::array kKinds = {
    KindNames{NotificationRule::Kind::Function, "CloudFunctionConfiguration", "CloudFunction"},
    KindNames{NotificationRule::Kind::Queue, "QueueConfiguration", "Queue"},
    KindNames{NotificationRule::Kind::Topic, "TopicConfiguration", "Topic"},
};

// What there is in S3 and happens here.
constexpr std::array<std::string_view, 12> kEvents = {"s3:ObjectCreated:*",
                                                      "s3:ObjectCreated:Put",
                                                      "s3:ObjectCreated:Post",
                                                      "s3:ObjectCreated:Copy",
                                                      "s3:ObjectCreated:CompleteMultipartUpload",
                                                      "s3:ObjectRemoved:*",
                                                      "s3:ObjectRemoved:Delete",
                                                      "s3:ObjectRemoved:DeleteMarkerCreated",
                                                      "s3:ObjectTagging:*",
                                                      "s3:ObjectTagging:Put",
                                                      "s3:ObjectTagging:Delete",
                                                      "s3:TestEvent"};

bool is_removal(object::ChangeKind kind) {
  return kind == object::ChangeKind::Delete || kind == object::ChangeKind::PutDeleteMarker;
}

// As S3 does it in events: a space is '+'.
std::string event_key(std::string_view key) {
  auto text = percent_encode(key, Slash::Keep);
  for (auto at = text.find("%20"); at != std::string::npos; at = text.find("%20", at)) text.replace(at, 3, "+");
  return text;
}

Answer<bool> read_filter(const XmlNode& filter, NotificationRule& rule) {
  const auto* key = filter.child("S3Key");
  if (key == nullptr) return true;
  for (const auto& one : key->children) {
    auto name = to_lower(one.text_of("Name"));
    if (one.name != "FilterRule") continue;
    if (name != "prefix" && name != "suffix")
      return invalid_argument("filter rule name must be either prefix or suffix");
    (name == "prefix" ? rule.prefix : rule.suffix) = one.text_of("Value");
  }
  return true;
}

}  // namespace

Answer<std::vector<NotificationRule>> read_notifications(const XmlNode& configuration) {
  std::vector<NotificationRule> rules;
  for (const auto& node : configuration.children) {
    auto names = std::ranges::find(kKinds, node.name, &KindNames::configuration);
    if (names == kKinds.end()) {
      return refuse(501, "NotImplemented", "Virga does not implement " + node.name + " of notifications yet.");
    }
    NotificationRule rule;
    rule.kind = names->kind;
    rule.id = node.text_of("Id");
    if (rule.id.empty()) rule.id = fmt::format("rule-{}", rules.size() + 1);
    rule.target = node.text_of(names->arn);
    for (const auto& part : node.children) {
      if (part.name == "Event") rule.events.push_back(part.text);
    }
    if (rule.target.empty() || rule.events.empty()) return malformed_xml("a configuration has no target or no Event");
    for (const auto& event : rule.events) {
      if (std::ranges::find(kEvents, event) == kEvents.end()) {
        return invalid_argument("A specified event is not supported for notifications: '" + event + "'");
      }
    }
    if (const auto* filter = node.child("Filter")) {
      VIRGA_OR_REFUSE([[maybe_unused]] bool good, read_filter(*filter, rule));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::string write_notifications(const std::vector<NotificationRule>& rules) {
  std::string document;
  {
    XmlElement configuration(document, "NotificationConfiguration", kNamespace);
    for (const auto& rule : rules) {
      auto names = std::ranges::find(kKinds, rule.kind, &KindNames::kind);
      XmlElement one(configuration, names->configuration);
      one.add("Id", rule.id).add(names->arn, rule.target);
      for (const auto& event : rule.events) one.add("Event", event);
      if (rule.prefix.empty() && rule.suffix.empty()) continue;
      XmlElement filter(one, "Filter");
      XmlElement key(filter, "S3Key");
      for (const auto& [name, value] : {std::pair("prefix", rule.prefix), std::pair("suffix", rule.suffix)}) {
        if (value.empty()) continue;
        XmlElement pair(key, "FilterRule");
        pair.add("Name", name).add("Value", value);
      }
    }
  }
  return document;
}

std::string_view event_name(object::ChangeKind kind) {
  switch (kind) {
    case object::ChangeKind::Put:
      return "ObjectCreated:Put";
    case object::ChangeKind::Post:
      return "ObjectCreated:Post";
    case object::ChangeKind::Copy:
      return "ObjectCreated:Copy";
    case object::ChangeKind::CompleteUpload:
      return "ObjectCreated:CompleteMultipartUpload";
    case object::ChangeKind::Delete:
      return "ObjectRemoved:Delete";
    case object::ChangeKind::PutDeleteMarker:
      return "ObjectRemoved:DeleteMarkerCreated";
    case object::ChangeKind::PutTags:
      return "ObjectTagging:Put";
    case object::ChangeKind::DeleteTags:
      return "ObjectTagging:Delete";
  }
  return "";
}

bool matches(const NotificationRule& rule, std::string_view event, std::string_view key) {
  if (!key.starts_with(rule.prefix) || !key.ends_with(rule.suffix)) return false;
  return std::ranges::any_of(rule.events, [&](std::string_view wanted) {
    wanted.remove_prefix(std::min<std::size_t>(wanted.size(), 3));
    if (wanted.ends_with('*')) return event.starts_with(wanted.substr(0, wanted.size() - 1));
    return wanted == event;
  });
}

std::string event_body(const object::Change& change, const NotificationRule& rule, const Account& account) {
  std::string body = R"({"Records":[)";
  {
    json::Object record(body);
    record.add("eventVersion", "2.1").add("eventSource", "aws:s3").add("awsRegion", account.region);
    record.add("eventTime", format_rfc3339(change.time)).add("eventName", event_name(change.kind));
    json::Object(record.open("userIdentity")).add("principalId", "AWS:" + change.origin.access_key);
    json::Object(record.open("requestParameters")).add("sourceIPAddress", change.origin.address);
    json::Object(record.open("responseElements"))
        .add("x-amz-request-id", change.origin.request_id)
        .add("x-amz-id-2", change.origin.request_id);
    json::Object s3(record.open("s3"));
    s3.add("s3SchemaVersion", "1.0").add("configurationId", rule.id);
    {
      json::Object bucket(s3.open("bucket"));
      bucket.add("name", change.bucket.name);
      json::Object(bucket.open("ownerIdentity")).add("principalId", account.id);
      bucket.add("arn", "arn:aws:s3:::" + change.bucket.name);
    }
    json::Object what(s3.open("object"));
    what.add("key", event_key(change.key));
    if (!is_removal(change.kind)) what.add("size", change.version.size).add("eTag", change.version.etag);
    if (change.version.id != object::kNullVersion) what.add("versionId", change.version.id);
    what.add("sequencer", fmt::format("{:016X}", change.version.sequence));
  }
  return body + "]}";
}

std::string test_event_body(std::string_view bucket, std::string_view request_id, WallTime now) {
  std::string body;
  json::Object(body)
      .add("Service", "Amazon S3")
      .add("Event", "s3:TestEvent")
      .add("Time", format_rfc3339(now))
      .add("Bucket", bucket)
      .add("RequestId", request_id)
      .add("HostId", request_id);
  return body;
}

std::vector<std::function<void()>> Notifications::changing(const object::Change& change, store::Batch& batch) {
  std::vector<std::function<void()>> afterwards;
  auto text = change.bucket.setting(kNotification);
  if (text.empty()) return afterwards;
  auto configuration = read_xml(text);
  auto rules = configuration ? read_notifications(*configuration) : Answer<std::vector<NotificationRule>>();
  if (!rules) return afterwards;
  auto event = event_name(change.kind);
  for (const auto& rule : *rules) {
    if (!matches(rule, event, change.key)) continue;
    events::Parcel parcel;
    parcel.body = event_body(change, rule, account_);
    parcel.source = "arn:aws:s3:::" + change.bucket.name;
    parcel.group = change.key;
    auto sent = targets_.send(rule.target, std::move(parcel), batch);
    if (sent) {
      afterwards.push_back(std::move(*sent));
    } else {
      log::warn("an event of a bucket could not be sent",
                {{"bucket", change.bucket.name}, {"target", rule.target}, {"error", sent.error().message()}});
    }
  }
  return afterwards;
}

}  // namespace virga::dialects::aws::s3
