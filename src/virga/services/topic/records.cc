#include "virga/services/topic/records.h"

#include "virga/base/record.h"
#include "virga/json/value.h"

namespace virga::services {
namespace {

constexpr std::uint8_t kFormat = 1;
using Texts = std::map<std::string, std::string>;

std::string attribute(const TopicAttributes& attributes, const std::string& name) {
  auto found = attributes.find(name);
  return found == attributes.end() ? std::string() : found->second;
}

}  // namespace

bool Topic::is_fifo() const {
  auto found = attributes.find("FifoTopic");
  return found != attributes.end() && found->second == "true";
}

bool Topic::dedups_by_content() const {
  auto found = attributes.find("ContentBasedDeduplication");
  return found != attributes.end() && found->second == "true";
}

std::string Topic::encode() const {
  RecordWriter writer(kFormat);
  writer.text(name);
  writer.pairs(attributes);
  writer.pairs(tags);
  return writer.take();
}

std::optional<Topic> Topic::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Topic topic;
  topic.name = reader.text();
  topic.attributes = reader.pairs<Texts>();
  topic.tags = reader.pairs<Texts>();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return topic;
}

bool Subscription::is_raw() const {
  return attribute(attributes, "RawMessageDelivery") == "true";
}

std::string Subscription::dead_letters() const {
  auto policy = attribute(attributes, "RedrivePolicy");
  auto value = json::parse(policy);
  const auto* arn = value ? value->find("deadLetterTargetArn") : nullptr;
  return arn == nullptr ? std::string() : arn->text;
}

Result<> Subscription::compile() {
  filter.reset();
  auto raw = attribute(attributes, "RawMessageDelivery");
  if (!raw.empty() && raw != "true" && raw != "false") {
    return fail(ErrorCode::InvalidArgument, "RawMessageDelivery must be true or false");
  }
  auto redrive = attribute(attributes, "RedrivePolicy");
  if (!redrive.empty() && dead_letters().empty()) {
    return fail(ErrorCode::InvalidArgument, "RedrivePolicy must be JSON with a deadLetterTargetArn");
  }
  auto scope = attribute(attributes, "FilterPolicyScope");
  if (!scope.empty() && scope != "MessageAttributes" && scope != "MessageBody") {
    return fail(ErrorCode::InvalidArgument, "FilterPolicyScope must be MessageAttributes or MessageBody");
  }
  auto policy = attribute(attributes, "FilterPolicy");
  if (policy.empty() || policy == "{}") return {};
  VIRGA_TRY_ASSIGN(filter,
                   Filter::compile(policy, scope == "MessageBody" ? Filter::Scope::Body : Filter::Scope::Attributes));
  return {};
}

std::string Subscription::encode() const {
  RecordWriter writer(kFormat);
  writer.text(topic).text(id).text(protocol).text(endpoint);
  writer.pairs(attributes);
  writer.number(is_confirmed ? 1 : 0).text(token);
  return writer.take();
}

std::optional<Subscription> Subscription::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Subscription subscription;
  subscription.topic = reader.text();
  subscription.id = reader.text();
  subscription.protocol = reader.text();
  subscription.endpoint = reader.text();
  subscription.attributes = reader.pairs<Texts>();
  subscription.is_confirmed = reader.number() != 0;
  subscription.token = reader.text();
  if (reader.format() != kFormat || !reader.is_whole() || !subscription.compile()) return std::nullopt;
  return subscription;
}

}  // namespace virga::services
