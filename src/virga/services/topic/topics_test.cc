#include "virga/services/topic/topics.h"

#include <gmock/gmock.h>

#include "virga/events/testing/async_world.h"

namespace virga::services {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHello = "arn:aws:lambda:us-east-1:000000000000:function:hello";

// Takes what is sent to queues, and keeps it.
class NotedQueues final : public events::TargetKind {
 public:
  bool takes(std::string_view arn) const override { return arn.find(":sqs:") != arn.npos; }
  Result<> check(std::string_view) const override { return {}; }
  Result<std::function<void()>> send(std::string_view, events::Parcel parcel, store::Batch&) override {
    parcels.push_back(std::move(parcel));
    return [] {};
  }
  std::vector<events::Parcel> parcels;
};

class TopicsTest : public events::testing::AsyncWorld {
 protected:
  TopicsTest() { begin(); }
  ~TopicsTest() override { end(); }

  void begin() {
    endpoints.emplace(Endpoints::Parts{*loop, store, targets, system_random(), *registry});
    topics.emplace(Topics::Parts{*loop,
                                 store,
                                 targets,
                                 *endpoints,
                                 system_random(),
                                 *registry,
                                 {"us-east-1", "000000000000"},
                                 "http://127.0.0.1:4600"});
    targets.add(*topics);
    EXPECT_TRUE(endpoints->load(tests.store));
    EXPECT_TRUE(topics->load(tests.store));
  }
  void end() {
    endpoints->close();
    io::run_until_done(*loop, endpoints->stop());
    topics.reset();
    endpoints.reset();
  }
  void restart_all() {
    end();
    restart();
    begin();
  }
  template <typename T>
  T run(io::Task<T> task) {
    std::optional<T> result;
    io::run_until_done(*loop, keep(std::move(task), result));
    settle();
    return std::move(*result);
  }
  void make_topic() {
    Topic topic;
    topic.name = "t";
    ASSERT_TRUE(run(topics->put_topic(topic)));
  }
  Subscription to_function(TopicAttributes attributes = {}) {
    Subscription subscription;
    subscription.topic = "t";
    subscription.protocol = "lambda";
    subscription.endpoint = kHello;
    subscription.attributes = std::move(attributes);
    return subscription;
  }
  Message message(const std::string& body, MessageAttributes attributes = {}) {
    Message message;
    message.id = "m-1";
    message.body = body;
    message.attributes = std::move(attributes);
    return message;
  }
  Result<> publish(const Message& message) { return run(topics->publish("t", {message})); }

  std::optional<Endpoints> endpoints;
  std::optional<Topics> topics;
};

TEST_F(TopicsTest, KnowsItsArns) {
  EXPECT_EQ(topic_in("arn:aws:sns:us-east-1:000000000000:t"), "t");
  EXPECT_EQ(topic_in("arn:aws:sns:us-east-1:000000000000:t:id"), "t");
  for (const auto* other : {"", "t", "arn:aws:sqs:r:0:t", "arn:aws:sns:t"}) EXPECT_EQ(topic_in(other), "") << other;
}

TEST_F(TopicsTest, RefusesWhatMakesNoSense) {
  EXPECT_EQ(publish(message("x")).error().code(), ErrorCode::NotFound);
  make_topic();
  auto nowhere = to_function();
  nowhere.endpoint += "-not";
  EXPECT_FALSE(run(topics->subscribe(nowhere)));
  EXPECT_FALSE(run(topics->subscribe(to_function({{"FilterPolicy", "{"}}))));
  EXPECT_FALSE(run(topics->subscribe(to_function({{"RawMessageDelivery", "yes"}}))));
  EXPECT_FALSE(run(topics->confirm("t", "")));
}

TEST_F(TopicsTest, SendsToFunctionsWhatTheirFilterLetsThrough) {
  make_topic();
  ASSERT_TRUE(run(topics->subscribe(to_function({{"FilterPolicy", R"({"kind": ["good"]})"}}))));
  restart_all();
  ASSERT_TRUE(publish(message("no")));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  ASSERT_TRUE(publish(message("yes", {{"kind", {"String", "good"}}})));
  ASSERT_EQ(invoker.invocations.size(), 1u);
  const auto& payload = invoker.invocations[0].payload;
  EXPECT_THAT(payload, HasSubstr(R"("EventSource":"aws:sns")"));
  EXPECT_THAT(payload, HasSubstr(R"("Message":"yes")"));
  EXPECT_THAT(payload, HasSubstr(R"("MessageAttributes":{"kind":{"Type":"String","Value":"good"}})"));
}

TEST_F(TopicsTest, SubscribingTwiceIsOneSubscription) {
  make_topic();
  auto first = run(topics->subscribe(to_function()));
  auto second = run(topics->subscribe(to_function()));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  auto arn = topics->topic_arn("t") + ":" + *first;
  ASSERT_TRUE(run(topics->unsubscribe(arn)));
  EXPECT_EQ(topics->find_subscription(arn), nullptr);
  ASSERT_TRUE(publish(message("x")));
  EXPECT_THAT(invoker.invocations, IsEmpty());
}

TEST_F(TopicsTest, AnHttpEndpointHasToConfirm) {
  make_topic();
  auto subscription = to_function();
  subscription.protocol = "http";
  subscription.endpoint = "http://127.0.0.1:1/in";
  auto id = run(topics->subscribe(subscription));
  ASSERT_TRUE(id);
  auto arn = topics->topic_arn("t") + ":" + *id;
  EXPECT_FALSE(topics->find_subscription(arn)->is_confirmed);
  auto count = [&] { return tests.store.scan({"topic/post/", "", 10, store::Order::Ascending})->size(); };
  EXPECT_EQ(count(), 1u);  // the request to confirm
  ASSERT_TRUE(publish(message("x")));
  EXPECT_EQ(count(), 1u);
  auto confirmed = run(topics->confirm("t", topics->find_subscription(arn)->token));
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(*confirmed, arn);
  ASSERT_TRUE(publish(message("x")));
  EXPECT_EQ(count(), 2u);
}

TEST_F(TopicsTest, IsATargetItself) {
  make_topic();
  ASSERT_TRUE(run(topics->subscribe(to_function())));
  store::Batch batch;
  events::Parcel parcel;
  parcel.body = "[1]";
  auto arrived = targets.send(topics->topic_arn("t"), std::move(parcel), batch);
  ASSERT_TRUE(arrived);
  ASSERT_TRUE(tests.store.commit(std::move(batch), store::Durability::Synced));
  (*arrived)();
  settle();
  ASSERT_EQ(invoker.invocations.size(), 1u);
  EXPECT_THAT(invoker.invocations[0].payload, HasSubstr(R"("Message":"[1]")"));
}

TEST_F(TopicsTest, WhatIsNotOnTheDiskIsNotAcknowledged) {
  make_topic();
  ASSERT_TRUE(run(topics->subscribe(to_function())));
  tests.store.fail_commits(Error(ErrorCode::ResourceExhausted, "full"));
  EXPECT_FALSE(publish(message("x")));
  EXPECT_THAT(invoker.invocations, IsEmpty());
  tests.store.fail_commits(std::nullopt);
}

TEST_F(TopicsTest, AFifoTopicHandsGroupsAndDeduplicationOnToQueues) {
  NotedQueues queues;
  targets.add(queues);
  Topic topic;
  topic.name = "t";
  topic.attributes = {{"FifoTopic", "true"}};
  ASSERT_TRUE(run(topics->put_topic(topic)));
  EXPECT_EQ(run(topics->subscribe(to_function())).error().code(), ErrorCode::InvalidArgument);
  auto to_queue = to_function();
  to_queue.protocol = "sqs";
  to_queue.endpoint = "arn:aws:sqs:us-east-1:000000000000:q.fifo";
  ASSERT_TRUE(run(topics->subscribe(to_queue)));

  auto one = message("x");
  EXPECT_THAT(topics->complete("t", one).error().message(), HasSubstr("MessageGroupId"));
  one.group = "g";
  EXPECT_THAT(topics->complete("t", one).error().message(), HasSubstr("ContentBasedDeduplication"));
  one.deduplication = "d";
  ASSERT_TRUE(topics->complete("t", one));
  ASSERT_TRUE(publish(one));
  ASSERT_EQ(queues.parcels.size(), 1u);
  EXPECT_EQ(queues.parcels[0].group, "g");
  EXPECT_EQ(queues.parcels[0].deduplication, "d");

  topic.attributes["ContentBasedDeduplication"] = "true";
  ASSERT_TRUE(run(topics->put_topic(topic)));
  auto first = message("same");
  auto second = message("same");
  for (auto* same : {&first, &second}) {
    same->group = "g";
    ASSERT_TRUE(topics->complete("t", *same));
    ASSERT_TRUE(publish(*same));
  }
  ASSERT_EQ(queues.parcels.size(), 3u);
  EXPECT_FALSE(queues.parcels[1].deduplication.empty());
  EXPECT_EQ(queues.parcels[1].deduplication, queues.parcels[2].deduplication);

  // What a bus sends has a group as well.
  store::Batch batch;
  ASSERT_TRUE(topics->send(topics->topic_arn("t"), {.body = "b", .source = "arn:rule"}, batch));
  EXPECT_EQ(queues.parcels.back().group, "arn:rule");
}

TEST_F(TopicsTest, OnlyFifoTopicsTakeDeduplicationIds) {
  make_topic();
  auto one = message("x");
  EXPECT_TRUE(topics->complete("t", one));
  one.deduplication = "d";
  EXPECT_EQ(topics->complete("t", one).error().code(), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace virga::services
