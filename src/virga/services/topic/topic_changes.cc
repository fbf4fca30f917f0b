// How topics and subscriptions are made and changed: the other half of Topics.

#include "virga/base/id.h"
#include "virga/services/topic/topics.h"

namespace virga::services {
namespace {

constexpr std::string_view kTopics = "topic/topic/";                // + name: Topic
constexpr std::string_view kSubscriptions = "topic/subscription/";  // + id: Subscription
constexpr std::size_t kPage = 1000;

std::string key(std::string_view prefix, std::string_view id) {
  return std::string(prefix).append(id);
}

std::unexpected<Error> no_topic() {
  return fail(ErrorCode::NotFound, "Topic does not exist");
}

}  // namespace

Result<> Topics::load(const store::Store& store) {
  for (auto prefix : {kTopics, kSubscriptions}) {
    std::string last;
    while (true) {
      VIRGA_TRY_ASSIGN(auto page, store.scan({std::string(prefix), last, kPage, store::Order::Ascending}));
      for (const auto& [name, value] : page) {
        if (prefix == kTopics) {
          auto topic = Topic::decode(value);
          if (!topic) return fail(ErrorCode::DataLoss, "the record of a topic is damaged: " + name);
          lines_[topic->name].topic = *topic;
          continue;
        }
        auto subscription = Subscription::decode(value);
        if (!subscription) return fail(ErrorCode::DataLoss, "the record of a subscription is damaged: " + name);
        auto line = lines_.find(subscription->topic);
        if (line == lines_.end()) continue;
        auto id = subscription->id;
        line->second.subscriptions[id] = std::make_shared<const Subscription>(std::move(*subscription));
      }
      if (page.size() < kPage) break;
      last = page.back().key;
    }
  }
  return {};
}

std::shared_ptr<const Subscription> Topics::find_subscription(std::string_view arn) const {
  auto line = lines_.find(std::string(topic_in(arn)));
  auto colon = arn.rfind(':');
  if (line == lines_.end() || colon == arn.npos) return nullptr;
  auto found = line->second.subscriptions.find(std::string(arn.substr(colon + 1)));
  return found == line->second.subscriptions.end() ? nullptr : found->second;
}

io::Task<Result<>> Topics::put_topic(Topic topic) {
  store::Batch batch;
  batch.put(key(kTopics, topic.name), topic.encode());
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  lines_[topic.name].topic = topic;
  co_return Result<>();
}

io::Task<Result<>> Topics::delete_topic(std::string name) {
  auto line = lines_.find(name);
  if (line == lines_.end()) co_return Result<>();
  store::Batch batch;
  batch.remove(key(kTopics, name));
  for (const auto& [id, subscription] : line->second.subscriptions) batch.remove(key(kSubscriptions, id));
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  lines_.erase(name);
  co_return Result<>();
}

io::Task<Result<std::string>> Topics::subscribe(Subscription subscription) {
  VIRGA_CO_TRY(subscription.compile());
  auto line = lines_.find(subscription.topic);
  if (line == lines_.end()) co_return no_topic();
  if (line->second.topic.is_fifo() && subscription.protocol != "sqs") {
    co_return fail(
        ErrorCode::InvalidArgument,
        "Protocol Reason: a FIFO topic sends to queues (sqs) alone; let a function read such a queue through "
        "an event source mapping");
  }
  for (const auto& [id, known] : line->second.subscriptions) {
    if (known->protocol == subscription.protocol && known->endpoint == subscription.endpoint) co_return id;
  }
  bool is_http = subscription.protocol == "http";
  if (is_http) {
    VIRGA_CO_TRY(parse_http_url(subscription.endpoint));
  } else {
    VIRGA_CO_TRY(parts_.targets.check(subscription.endpoint));
  }
  subscription.id = make_uuid(parts_.random);
  subscription.is_confirmed = !is_http;
  store::Batch batch;
  Arrivals arrivals;
  if (is_http) {
    subscription.token = make_token(64, parts_.random);
    auto arn = topic_arn(subscription.topic);
    auto message_id = make_uuid(parts_.random);
    auto around = envelope(arn, arn);
    post(batch, subscription, "SubscriptionConfirmation", message_id,
         write_confirmation(around, message_id, subscription.token), arrivals);
  }
  batch.put(key(kSubscriptions, subscription.id), subscription.encode());
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  auto topic = lines_.find(subscription.topic);
  if (topic == lines_.end()) co_return no_topic();
  auto id = subscription.id;
  topic->second.subscriptions[id] = std::make_shared<const Subscription>(std::move(subscription));
  for (auto& arrived : arrivals) arrived();
  co_return id;
}

io::Task<Result<std::string>> Topics::confirm(std::string topic, std::string token) {
  auto line = lines_.find(topic);
  if (line == lines_.end()) co_return no_topic();
  for (const auto& [id, known] : line->second.subscriptions) {
    if (token.empty() || known->token != token) continue;
    auto subscription = *known;
    subscription.is_confirmed = true;
    auto arn = subscription_arn(subscription);
    VIRGA_CO_TRY(co_await put_subscription(std::move(subscription)));
    co_return arn;
  }
  co_return fail(ErrorCode::InvalidArgument, "Invalid token");
}

io::Task<Result<>> Topics::put_subscription(Subscription subscription) {
  VIRGA_CO_TRY(subscription.compile());
  store::Batch batch;
  batch.put(key(kSubscriptions, subscription.id), subscription.encode());
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  auto line = lines_.find(subscription.topic);
  if (line == lines_.end()) co_return no_topic();
  auto id = subscription.id;
  line->second.subscriptions[id] = std::make_shared<const Subscription>(std::move(subscription));
  co_return Result<>();
}

io::Task<Result<>> Topics::unsubscribe(std::string arn) {
  auto subscription = find_subscription(arn);
  if (!subscription) co_return Result<>();
  store::Batch batch;
  batch.remove(key(kSubscriptions, subscription->id));
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  auto line = lines_.find(subscription->topic);
  if (line != lines_.end()) line->second.subscriptions.erase(subscription->id);
  co_return Result<>();
}

}  // namespace virga::services
