#include "virga/dialects/aws/sns/sns_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "virga/dialects/aws/sns/operations.h"
#include "virga/dialects/aws/xml.h"

namespace virga::dialects::aws {
namespace sns {
namespace {

constexpr std::array kOperations = {
    Operation{"ConfirmSubscription", confirm_subscription},
    Operation{"CreateTopic", create_topic},
    Operation{"DeleteTopic", delete_topic},
    Operation{"GetSubscriptionAttributes", get_subscription_attributes},
    Operation{"GetTopicAttributes", get_topic_attributes},
    Operation{"ListSubscriptions", list_subscriptions},
    Operation{"ListSubscriptionsByTopic", list_subscriptions_by_topic},
    Operation{"ListTagsForResource", list_tags_for_resource},
    Operation{"ListTopics", list_topics},
    Operation{"Publish", publish},
    Operation{"PublishBatch", publish_batch},
    Operation{"SetSubscriptionAttributes", set_subscription_attributes},
    Operation{"SetTopicAttributes", set_topic_attributes},
    Operation{"Subscribe", subscribe},
    Operation{"TagResource", tag_resource},
    Operation{"Unsubscribe", unsubscribe},
    Operation{"UntagResource", untag_resource},
};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

Refusal invalid(std::string message) {
  return {400, "InvalidParameter", "Invalid parameter: " + std::move(message), {}};
}

Refusal no_topic() {
  return {404, "NotFound", "Topic does not exist", {}};
}

Refusal refusal_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::NotFound:
      return {404, "NotFound", error.message(), {}};
    case ErrorCode::InvalidArgument:
      return invalid(error.message());
    case ErrorCode::ResourceExhausted:
      return {429, "Throttled", error.message(), {}};
    default:
      return {500, "InternalError", error.message(), {}};
  }
}

Answer<std::string> topic_of(const Call& call, std::string_view parameter) {
  std::string arn = call.text(parameter);
  auto name = services::topic_in(arn);
  if (name.empty()) return std::unexpected(invalid(fmt::format("{} Reason: '{}' is no topic's ARN", parameter, arn)));
  if (!call.topics.lines().contains(std::string(name))) return std::unexpected(no_topic());
  return std::string(name);
}

std::map<std::string, std::string> read_map(const Query& query, const std::string& prefix, std::string_view key,
                                            std::string_view value) {
  std::map<std::string, std::string> entries;
  for (int i = 1;; ++i) {
    auto name = query.find(fmt::format("{}.{}.{}", prefix, i, key));
    if (!name) return entries;
    entries[std::string(*name)] = query.find(fmt::format("{}.{}.{}", prefix, i, value)).value_or("");
  }
}

void add_element(std::string& out, std::string_view name, std::string_view text) {
  XmlElement(out, name).text(text);
}

void add_entry(std::string& out, std::string_view key, std::string_view value) {
  XmlElement(out, "entry").add("key", key).add("value", value);
}

}  // namespace sns

namespace {

constexpr std::string_view kNamespace = "http://sns.amazonaws.com/doc/2010-03-31/";

Query parameters_of(const http::Request& request) {
  return Query(request.method == "POST" ? request.body : request.query);
}

}  // namespace

bool SnsApi::takes_unsigned(const http::Request& request) const {
  if (request.path != "/") return false;
  Query query(request.query);
  auto action = query.find("Action").value_or("");
  return action == "ConfirmSubscription" || action == "Unsubscribe";
}

http::Response SnsApi::refuse(const http::Request&, const Refusal& refusal, const std::string& request_id) const {
  std::string body;
  {
    XmlElement response(body, "ErrorResponse", kNamespace);
    {
      XmlElement error(response, "Error");
      error.add("Type", refusal.status >= 500 ? "Receiver" : "Sender")
          .add("Code", refusal.code)
          .add("Message", refusal.message);
    }
    response.add("RequestId", request_id);
  }
  return http::Response::make(refusal.status, "text/xml", std::move(body));
}

io::Task<http::Response> SnsApi::answer(const http::Request& request, const Identity&, std::string request_id) {
  return run(parameters_of(request), request, std::move(request_id));
}

io::Task<http::Response> SnsApi::answer_unsigned(const http::Request& request, std::string request_id) {
  return run(Query(request.query), request, std::move(request_id));
}

io::Task<http::Response> SnsApi::run(Query query, const http::Request& request, std::string request_id) {
  std::string action(query.find("Action").value_or(""));
  auto operations = sns::operations();
  auto operation = std::ranges::find(operations, std::string_view(action), &sns::Operation::name);
  if (operation == operations.end()) {
    Refusal unknown{400, "InvalidAction", fmt::format("Virga does not implement the SNS action '{}'.", action), {}};
    co_return counted(kUnknownOperation, refuse(request, unknown, request_id));
  }
  sns::Call call{parts_.topics, parts_.random, parts_.clock, std::move(query)};
  auto result = co_await operation->handler(std::move(call));
  if (!result) co_return counted(operation->name, refuse(request, result.error(), request_id));
  std::string body;
  {
    XmlElement response(body, action + "Response", kNamespace);
    if (!result->empty()) body += "<" + action + "Result>" + *result + "</" + action + "Result>";
    XmlElement metadata(response, "ResponseMetadata");
    metadata.add("RequestId", request_id);
  }
  co_return counted(operation->name, http::Response::make(200, "text/xml", std::move(body)));
}

}  // namespace virga::dialects::aws
