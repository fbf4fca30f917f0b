#include "virga/services/topic/topics.h"

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/base/id.h"
#include "virga/telemetry/log.h"

namespace virga::services {

std::string_view topic_in(std::string_view arn) {
  constexpr std::string_view kService = ":sns:";
  auto at = arn.find(kService);
  if (!arn.starts_with("arn:") || at == arn.npos) return {};
  arn.remove_prefix(at + kService.size());
  for (int i = 0; i < 2; ++i) {  // region and account
    auto colon = arn.find(':');
    if (colon == arn.npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return arn.substr(0, arn.find(':'));
}

Topics::Topics(Parts parts)
    : parts_(std::move(parts)),
      published_(parts_.metrics.counter("virga_topic_published_total", "Messages that topics acknowledged.")),
      undeliverable_(
          parts_.metrics.counter("virga_topic_unsent_total", "Messages that a subscription could not take.")) {}

std::string Topics::topic_arn(std::string_view topic) const {
  return "arn:aws:sns:" + parts_.place.region + ":" + parts_.place.account + ":" + std::string(topic);
}

std::string Topics::subscription_arn(const Subscription& subscription) const {
  return topic_arn(subscription.topic) + ":" + subscription.id;
}

Envelope Topics::envelope(const std::string& topic_arn, const std::string& subscription_arn) const {
  return {topic_arn, subscription_arn, parts_.base_url, parts_.loop.clock().wall()};
}

// ---- Publishing.

void Topics::add_to(store::Batch& batch, const Line& line, const Message& message, Arrivals& arrivals) {
  for (const auto& [id, subscription] : line.subscriptions) {
    if (!subscription->is_confirmed) continue;
    const auto& body = message.body_for(subscription->protocol);
    if (subscription->filter && !subscription->filter->matches(message.attributes, body)) continue;
    send_one(batch, *subscription, message, arrivals);
  }
}

void Topics::send_one(store::Batch& batch, const Subscription& subscription, const Message& message,
                      Arrivals& arrivals) {
  auto topic = topic_arn(subscription.topic);
  auto arn = subscription_arn(subscription);
  auto around = envelope(topic, arn);
  const auto& body = message.body_for(subscription.protocol);
  if (subscription.protocol == "http") {
    auto text = subscription.is_raw() ? body : write_notification(around, message, body);
    return post(batch, subscription, "Notification", message.id, std::move(text), arrivals);
  }
  events::Parcel parcel;
  parcel.source = topic;
  parcel.group = message.group;
  parcel.deduplication = message.deduplication;
  if (subscription.protocol == "lambda") {
    parcel.body = write_lambda_event(around, message, body);
  } else if (subscription.is_raw()) {
    parcel.body = body;
    for (const auto& [name, attribute] : message.attributes) parcel.attributes.emplace_back(name, attribute.value);
  } else {
    parcel.body = write_notification(around, message, body);
  }
  auto dead_letters = subscription.dead_letters();
  auto copy = dead_letters.empty() ? events::Parcel() : parcel;
  auto sent = parts_.targets.send(subscription.endpoint, std::move(parcel), batch);
  if (!sent) {
    undeliverable_.add();
    log::warn("a subscription takes nothing", {{"subscription", arn}, {"problem", sent.error().message()}});
    if (dead_letters.empty()) return;
    sent = parts_.targets.send(dead_letters, std::move(copy), batch);
  }
  if (sent) arrivals.push_back(std::move(*sent));
}

void Topics::post(store::Batch& batch, const Subscription& subscription, std::string_view type,
                  std::string_view message_id, std::string body, Arrivals& arrivals) {
  EndpointPost post;
  post.url = subscription.endpoint;
  post.source = subscription_arn(subscription);
  post.dead_letters = subscription.dead_letters();
  post.fields = {{"Content-Type", "text/plain; charset=UTF-8"},
                 {"User-Agent", "Amazon Simple Notification Service Agent"},
                 {"x-amz-sns-message-type", std::string(type)},
                 {"x-amz-sns-message-id", std::string(message_id)},
                 {"x-amz-sns-topic-arn", topic_arn(subscription.topic)}};
  if (subscription.is_confirmed) post.fields.emplace_back("x-amz-sns-subscription-arn", post.source);
  if (type == "Notification" && subscription.is_raw()) post.fields.emplace_back("x-amz-sns-rawdelivery", "true");
  post.body = std::move(body);
  arrivals.push_back(parts_.endpoints.add_to(batch, post));
}

Result<> Topics::complete(std::string_view topic, Message& message) const {
  auto line = lines_.find(std::string(topic));
  if (line == lines_.end()) return fail(ErrorCode::NotFound, "Topic does not exist");
  if (!line->second.topic.is_fifo()) {
    if (message.deduplication.empty()) return {};
    return fail(
        ErrorCode::InvalidArgument,
        "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid "
        "for this topic type");
  }
  if (message.group.empty()) {
    return fail(ErrorCode::InvalidArgument, "The MessageGroupId parameter is required for FIFO topics");
  }
  if (!message.deduplication.empty()) return {};
  if (!line->second.topic.dedups_by_content()) {
    return fail(ErrorCode::InvalidArgument,
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly");
  }
  message.deduplication = to_hex(sha256(message.body));
  return {};
}

io::Task<Result<>> Topics::publish(std::string topic, std::vector<Message> messages) {
  auto line = lines_.find(topic);
  if (line == lines_.end()) co_return fail(ErrorCode::NotFound, "Topic does not exist");
  store::Batch batch;
  Arrivals arrivals;
  for (const auto& message : messages) add_to(batch, line->second, message, arrivals);
  if (!batch.empty()) VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  for (auto& arrived : arrivals) arrived();
  published_.add(messages.size());
  co_return Result<>();
}

bool Topics::takes(std::string_view arn) const {
  return !topic_in(arn).empty();
}

Result<> Topics::check(std::string_view arn) const {
  if (lines_.contains(std::string(topic_in(arn)))) return {};
  return fail(ErrorCode::NotFound, "there is no topic '" + std::string(arn) + "'");
}

Result<std::function<void()>> Topics::send(std::string_view arn, events::Parcel parcel, store::Batch& batch) {
  VIRGA_TRY(check(arn));
  Message message;
  message.id = make_ordered_uuid(parts_.loop.clock().wall(), parts_.random);
  message.body = std::move(parcel.body);
  message.group = std::move(parcel.group);
  for (auto& [name, text] : parcel.attributes) message.attributes[name] = {"String", text};
  const auto& line = lines_.at(std::string(topic_in(arn)));
  if (line.topic.is_fifo()) {
    if (message.group.empty()) message.group = parcel.source.empty() ? "default" : parcel.source;
    message.deduplication = std::move(parcel.deduplication);
    // As a queue does it: each parcel is a thing of its own.
    if (message.deduplication.empty() && !line.topic.dedups_by_content()) message.deduplication = message.id;
    VIRGA_TRY(complete(line.topic.name, message));
  }
  Arrivals arrivals;
  add_to(batch, line, message, arrivals);
  return [arrivals = std::move(arrivals)] {
    for (const auto& arrived : arrivals) arrived();
  };
}

}  // namespace virga::services
