#pragma once

#include <boost/json.hpp>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virga/dialects/aws/sqs/call.h"

namespace virga::dialects::aws::sqs {

// The attributes of queues and messages by the names that Amazon SQS gives them (API reference, SetQueueAttributes,
// ReceiveMessage).

enum class Moment { Create, Change };
// `given` on top of `settings`.
Answer<queue::Settings> apply(const Call& call, queue::Settings settings,
                              const std::map<std::string, std::string>& given, Moment moment);
// Of a queue, those that are wanted.
Answer<boost::json::object> describe(const Call& call, const queue::QueueRecord& record,
                                     const std::vector<std::string>& wanted);

// What a sender says of a message, in a request or in an entry of a batch.
Answer<queue::Queues::Outgoing> read_message(const Call& call, const Parameters& parameters,
                                             const queue::QueueRecord& record);
// What the sender is told.
boost::json::object describe_sent(const queue::Queues::Outgoing& outgoing, const queue::Queues::Sent& sent,
                                  bool is_fifo);

// Which attributes a receiver wants to see.
struct Wanted {
  std::vector<std::string> system;  // names, or "All"
  std::vector<std::string> named;   // names, "All", ".*" or "PREFIX.*"
};
boost::json::object describe(const queue::Received& received, const Wanted& wanted);

}  // namespace virga::dialects::aws::sqs
