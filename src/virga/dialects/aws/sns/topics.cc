#include <fmt/format.h>

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sns/operations.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::sns {
namespace {

constexpr std::size_t kPage = 100;

constexpr std::string_view kFifo = ".fifo";

bool is_topic_name(std::string_view name) {
  if (name.size() <= 256 && name.ends_with(kFifo)) name.remove_suffix(kFifo.size());
  return !name.empty() && name.size() <= 256 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

Answer<std::string> after_of(const Call& call) {
  auto token = call.text("NextToken");
  if (token.empty()) return std::string();
  auto after = from_base64(token);
  if (!after) return std::unexpected(invalid("NextToken"));
  return *after;
}

}  // namespace

io::Task<Reply> create_topic(Call call) {
  services::Topic topic;
  topic.name = call.text("Name");
  topic.attributes = read_map(call.query, "Attributes.entry", "key", "value");
  topic.tags = read_map(call.query, "Tags.member", "Key", "Value");
  if (topic.is_fifo() != topic.name.ends_with(kFifo)) {
    co_return std::unexpected(invalid(topic.is_fifo() ? "Topic Name Reason: names of FIFO topics end with .fifo"
                                                      : "Topic Name Reason: only names of FIFO topics end with .fifo; "
                                                        "set the attribute FifoTopic to true"));
  }
  if (!is_topic_name(topic.name)) co_return std::unexpected(invalid("Topic Name"));
  std::string out;
  add_element(out, "TopicArn", call.topics.topic_arn(topic.name));
  // Creating it again is the same as asking for it.
  if (call.topics.lines().contains(topic.name)) co_return out;
  auto put = co_await call.topics.put_topic(std::move(topic));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return out;
}

io::Task<Reply> delete_topic(Call call) {
  std::string name(services::topic_in(call.text("TopicArn")));
  auto deleted = co_await call.topics.delete_topic(name);
  if (!deleted) co_return std::unexpected(refusal_of(deleted.error()));
  co_return std::string();
}

io::Task<Reply> list_topics(Call call) {
  VIRGA_OR_REFUSE_CO(std::string after, after_of(call));
  std::string out;
  std::string last;
  bool has_more = false;
  {
    XmlElement list(out, "Topics");
    std::size_t count = 0;
    const auto& lines = call.topics.lines();
    for (auto line = lines.upper_bound(after); line != lines.end(); ++line) {
      if ((has_more = count++ == kPage)) break;
      last = line->first;
      XmlElement member(list, "member");
      member.add("TopicArn", call.topics.topic_arn(last));
    }
  }
  if (has_more) add_element(out, "NextToken", to_base64(last));
  co_return out;
}

io::Task<Reply> get_topic_attributes(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, topic_of(call));
  const auto& line = call.topics.lines().at(name);
  auto attributes = line.topic.attributes;
  auto confirmed = std::ranges::count_if(line.subscriptions, [](const auto& one) { return one.second->is_confirmed; });
  attributes["TopicArn"] = call.topics.topic_arn(name);
  attributes["Owner"] = call.topics.place().account;
  attributes["SubscriptionsConfirmed"] = std::to_string(confirmed);
  attributes["SubscriptionsPending"] =
      std::to_string(static_cast<std::ptrdiff_t>(line.subscriptions.size()) - confirmed);
  attributes["SubscriptionsDeleted"] = "0";
  attributes.emplace("DisplayName", "");
  std::string out;
  {
    XmlElement all(out, "Attributes");
    for (const auto& [key, value] : attributes) add_entry(out, key, value);
  }
  co_return out;
}

io::Task<Reply> set_topic_attributes(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, topic_of(call));
  auto attribute = call.text("AttributeName");
  if (attribute.empty() || attribute == "TopicArn" || attribute == "Owner" || attribute == "FifoTopic") {
    co_return std::unexpected(invalid("AttributeName"));
  }
  auto topic = call.topics.lines().at(name).topic;
  topic.attributes[attribute] = call.text("AttributeValue");
  auto put = co_await call.topics.put_topic(std::move(topic));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string();
}

io::Task<Reply> list_tags_for_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, topic_of(call, "ResourceArn"));
  std::string out;
  {
    XmlElement list(out, "Tags");
    for (const auto& [key, value] : call.topics.lines().at(name).topic.tags) {
      XmlElement member(list, "member");
      member.add("Key", key).add("Value", value);
    }
  }
  co_return out;
}

io::Task<Reply> tag_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, topic_of(call, "ResourceArn"));
  auto topic = call.topics.lines().at(name).topic;
  for (const auto& [key, value] : read_map(call.query, "Tags.member", "Key", "Value")) topic.tags[key] = value;
  auto put = co_await call.topics.put_topic(std::move(topic));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string();
}

io::Task<Reply> untag_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, topic_of(call, "ResourceArn"));
  auto topic = call.topics.lines().at(name).topic;
  for (int i = 1;; ++i) {
    auto key = call.query.find(fmt::format("TagKeys.member.{}", i));
    if (!key) break;
    topic.tags.erase(std::string(*key));
  }
  auto put = co_await call.topics.put_topic(std::move(topic));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string();
}

}  // namespace virga::dialects::aws::sns
