#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/events/bus/event.h"
#include "virga/events/targets.h"
#include "virga/services/topic/endpoints.h"
#include "virga/services/topic/notification.h"
#include "virga/services/topic/records.h"

namespace virga::services {

// Topics: a message that is published on one goes to all of its subscriptions whose filter it passes: functions,
// queues, HTTP endpoints. It is acknowledged when all that is on the disk, in one batch. Topics are targets themselves:
// arn:aws:sns:REGION:ACCOUNT:NAME. One loop.
class Topics final : public events::TargetKind {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    const events::Targets& targets;
    Endpoints& endpoints;
    Random& random;
    metrics::Registry& metrics;
    events::Place place;
    std::string base_url;  // where clients reach Virga
  };
  explicit Topics(Parts parts);

  Result<> load(const store::Store& store);  // blocks

  using SubscriptionMap = std::map<std::string, std::shared_ptr<const Subscription>>;  // by id
  struct Line {
    Topic topic;
    SubscriptionMap subscriptions;
  };
  const std::map<std::string, Line>& lines() const { return lines_; }
  std::shared_ptr<const Subscription> find_subscription(std::string_view arn) const;  // null: there is none

  // ---- Changes, each on the disk before it is answered. NotFound, InvalidArgument.
  io::Task<Result<>> put_topic(Topic topic);
  io::Task<Result<>> delete_topic(std::string name);
  // The id. If there is one with the same protocol and endpoint already, its own. HTTP endpoints are asked to confirm.
  io::Task<Result<std::string>> subscribe(Subscription subscription);
  io::Task<Result<std::string>> confirm(std::string topic, std::string token);
  io::Task<Result<>> put_subscription(Subscription subscription);
  io::Task<Result<>> unsubscribe(std::string arn);

  // What a FIFO topic needs: InvalidArgument if the message has no group, or nothing that makes it the same as another.
  Result<> complete(std::string_view topic, Message& message) const;
  // Each is complete. What a queue with groups has had within five minutes it does not take again.
  io::Task<Result<>> publish(std::string topic, std::vector<Message> messages);

  std::string topic_arn(std::string_view topic) const;
  std::string subscription_arn(const Subscription& subscription) const;
  const events::Place& place() const { return parts_.place; }

  bool takes(std::string_view arn) const override;
  Result<> check(std::string_view arn) const override;
  Result<std::function<void()>> send(std::string_view arn, events::Parcel parcel, store::Batch& batch) override;

 private:
  using Arrivals = std::vector<std::function<void()>>;
  void add_to(store::Batch& batch, const Line& line, const Message& message, Arrivals& arrivals);
  void send_one(store::Batch& batch, const Subscription& subscription, const Message& message, Arrivals& arrivals);
  void post(store::Batch& batch, const Subscription& subscription, std::string_view type, std::string_view message_id,
            std::string body, Arrivals& arrivals);
  Envelope envelope(const std::string& topic_arn, const std::string& subscription_arn) const;

  Parts parts_;
  std::map<std::string, Line> lines_;
  metrics::Counter& published_;
  metrics::Counter& undeliverable_;
};

// The name in a topic's ARN, or in one of its subscriptions'; "" if it is none.
std::string_view topic_in(std::string_view arn);

}  // namespace virga::services
