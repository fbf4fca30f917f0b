#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/io/task.h"
#include "virga/services/topic/topics.h"

// SNS's operations. Each answers what stands in the result element of its response.
namespace virga::dialects::aws::sns {

// One request. Moved into the operation's coroutine; what it refers to outlives that.
struct Call {
  services::Topics& topics;
  Random& random;
  const Clock& clock;
  Query query;

  std::string text(std::string_view name) const { return std::string(query.find(name).value_or("")); }
};

using Reply = Answer<std::string>;

struct Operation {
  std::string_view name;
  io::Task<Reply> (*handler)(Call);
};
std::span<const Operation> operations();

// What a failure means in SNS's words.
Refusal refusal_of(const Error& error);
Refusal invalid(std::string message);  // 400 InvalidParameter
Refusal no_topic();                    // 404 NotFound
// The name of the topic that the parameter names by its ARN.
Answer<std::string> topic_of(const Call& call, std::string_view parameter = "TopicArn");
// PREFIX.entry.1.key, PREFIX.entry.1.value, ...; the names of the parts are SNS's.
std::map<std::string, std::string> read_map(const Query& query, const std::string& prefix, std::string_view key,
                                            std::string_view value);
// <name>text</name>
void add_element(std::string& out, std::string_view name, std::string_view text);
void add_entry(std::string& out, std::string_view key, std::string_view value);

io::Task<Reply> confirm_subscription(Call call);
io::Task<Reply> create_topic(Call call);
io::Task<Reply> delete_topic(Call call);
io::Task<Reply> get_subscription_attributes(Call call);
io::Task<Reply> get_topic_attributes(Call call);
io::Task<Reply> list_subscriptions(Call call);
io::Task<Reply> list_subscriptions_by_topic(Call call);
io::Task<Reply> list_tags_for_resource(Call call);
io::Task<Reply> list_topics(Call call);
io::Task<Reply> publish(Call call);
io::Task<Reply> publish_batch(Call call);
io::Task<Reply> set_subscription_attributes(Call call);
io::Task<Reply> set_topic_attributes(Call call);
io::Task<Reply> subscribe(Call call);
io::Task<Reply> tag_resource(Call call);
io::Task<Reply> unsubscribe(Call call);
io::Task<Reply> untag_resource(Call call);

}  // namespace virga::dialects::aws::sns
