#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sns/operations.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws::sns {
namespace {

constexpr std::size_t kPage = 100;
constexpr std::array<std::string_view, 5> kSettable = {"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery",
                                                       "RedrivePolicy", "DeliveryPolicy"};
constexpr std::string_view kPending = "PendingConfirmation";

Answer<std::shared_ptr<const services::Subscription>> subscription_of(const Call& call) {
  auto subscription = call.topics.find_subscription(call.text("SubscriptionArn"));
  if (subscription) return subscription;
  return std::unexpected(Refusal{404, "NotFound", "Subscription does not exist", {}});
}

std::string arn_or_pending(const Call& call, const services::Subscription& subscription) {
  return subscription.is_confirmed ? call.topics.subscription_arn(subscription) : std::string(kPending);
}

// Those of one topic ("": of all), behind the ARN that NextToken tells.
Reply list(const Call& call, const std::string& topic) {
  auto token = from_base64(call.text("NextToken"));
  if (!token) return std::unexpected(invalid("NextToken"));
  std::string out;
  std::string last;
  bool has_more = false;
  {
    XmlElement all(out, "Subscriptions");
    std::size_t count = 0;
    for (const auto& [name, line] : call.topics.lines()) {
      if (!topic.empty() && name != topic) continue;
      for (const auto& [id, subscription] : line.subscriptions) {
        auto key = name + ":" + id;
        if (key <= *token || has_more) continue;
        if ((has_more = count++ == kPage)) continue;
        last = key;
        XmlElement member(all, "member");
        member.add("SubscriptionArn", arn_or_pending(call, *subscription))
            .add("Owner", call.topics.place().account)
            .add("Protocol", subscription->protocol)
            .add("Endpoint", subscription->endpoint)
            .add("TopicArn", call.topics.topic_arn(name));
      }
    }
  }
  if (has_more) add_element(out, "NextToken", to_base64(last));
  return out;
}

}  // namespace

io::Task<Reply> subscribe(Call call) {
  VIRGA_OR_REFUSE_CO(std::string topic, topic_of(call));
  services::Subscription subscription;
  subscription.topic = topic;
  subscription.protocol = call.text("Protocol");
  subscription.endpoint = call.text("Endpoint");
  subscription.attributes = read_map(call.query, "Attributes.entry", "key", "value");
  const auto& protocol = subscription.protocol;
  if (protocol == "https") {
    co_return std::unexpected(
        invalid("Protocol Reason: Virga does not deliver over https yet; subscribe the endpoint as http, with a proxy "
                "beside it that adds TLS, or a function that posts the message on"));
  }
  if (protocol != "lambda" && protocol != "sqs" && protocol != "http") {
    co_return std::unexpected(
        invalid(fmt::format("Protocol Reason: Virga delivers to lambda, sqs and http, not to '{}' yet", protocol)));
  }
  auto subscribed = co_await call.topics.subscribe(subscription);
  if (!subscribed) {
    // An endpoint that does not exist is a wrong parameter of this call.
    auto refusal = subscribed.error().code() == ErrorCode::NotFound
                       ? invalid("Endpoint Reason: " + subscribed.error().message())
                       : refusal_of(subscribed.error());
    co_return std::unexpected(refusal);
  }
  subscription.id = *subscribed;
  auto arn = call.topics.subscription_arn(subscription);
  auto made = call.topics.find_subscription(arn);
  bool is_shown = (made && made->is_confirmed) || call.text("ReturnSubscriptionArn") == "true";
  std::string out;
  add_element(out, "SubscriptionArn", is_shown ? arn : "pending confirmation");
  co_return out;
}

io::Task<Reply> confirm_subscription(Call call) {
  VIRGA_OR_REFUSE_CO(std::string topic, topic_of(call));
  auto confirmed = co_await call.topics.confirm(topic, call.text("Token"));
  if (!confirmed) co_return std::unexpected(refusal_of(confirmed.error()));
  std::string out;
  add_element(out, "SubscriptionArn", *confirmed);
  co_return out;
}

io::Task<Reply> unsubscribe(Call call) {
  auto removed = co_await call.topics.unsubscribe(call.text("SubscriptionArn"));
  if (!removed) co_return std::unexpected(refusal_of(removed.error()));
  co_return std::string();
}

io::Task<Reply> list_subscriptions(Call call) {
  co_return list(call, "");
}

io::Task<Reply> list_subscriptions_by_topic(Call call) {
  VIRGA_OR_REFUSE_CO(std::string topic, topic_of(call));
  co_return list(call, topic);
}

io::Task<Reply> get_subscription_attributes(Call call) {
  VIRGA_OR_REFUSE_CO(auto subscription, subscription_of(call));
  auto attributes = subscription->attributes;
  attributes["SubscriptionArn"] = call.topics.subscription_arn(*subscription);
  attributes["TopicArn"] = call.topics.topic_arn(subscription->topic);
  attributes["Owner"] = call.topics.place().account;
  attributes["Protocol"] = subscription->protocol;
  attributes["Endpoint"] = subscription->endpoint;
  attributes[std::string(kPending)] = subscription->is_confirmed ? "false" : "true";
  attributes.emplace("RawMessageDelivery", "false");
  std::string out;
  {
    XmlElement all(out, "Attributes");
    for (const auto& [key, value] : attributes) add_entry(out, key, value);
  }
  co_return out;
}

io::Task<Reply> set_subscription_attributes(Call call) {
  VIRGA_OR_REFUSE_CO(auto found, subscription_of(call));
  auto name = call.text("AttributeName");
  if (std::ranges::find(kSettable, name) == kSettable.end()) co_return std::unexpected(invalid("AttributeName"));
  auto subscription = *found;
  subscription.attributes[name] = call.text("AttributeValue");
  if (subscription.attributes[name].empty()) subscription.attributes.erase(name);
  auto put = co_await call.topics.put_subscription(std::move(subscription));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string();
}

}  // namespace virga::dialects::aws::sns
