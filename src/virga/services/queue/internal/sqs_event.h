#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "virga/services/queue/message.h"

namespace virga::services::queue::internal {

// What a function gets of a queue: the shape of AWS Lambda's SQS event (developer guide, "Example SQS event").
// `queue_arn` is arn:aws:sqs:REGION:ACCOUNT:NAME.
std::string make_event(std::span<const Received> messages, std::string_view queue_arn);

// One record as filters look at it: a body that is a JSON object is that object (developer guide, "Lambda event
// filtering", "Filtering with Amazon SQS").
std::string make_filter_record(const Received& message, std::string_view queue_arn);

// Which messages failed, by the answer of a function that reports it; nullopt: all of them, because the answer is not
// what it should be ("Reporting batch item failures").
std::optional<std::set<std::string>> read_failures(std::string_view answer, std::span<const Received> messages);

}  // namespace virga::services::queue::internal
