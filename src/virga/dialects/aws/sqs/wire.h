#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "virga/dialects/aws/refusal.h"
#include "virga/dialects/aws/xml.h"
#include "virga/http/message.h"

// The two protocols of Amazon SQS over one form of requests and answers, that of the newer one: AWS JSON 1.0 (botocore
// sqs/2012-11-05) and Query with XML (the same model before 2023-11).
namespace virga::dialects::aws::sqs {

enum class Protocol { Json, Query };
Protocol protocol_of(const http::Request& request);

// The operation and its parameters, as the JSON protocol has them.
struct Parsed {
  std::string operation;  // "" if none is named
  boost::json::object parameters;
};
Answer<Parsed> parse(const http::Request& request);
// The parameters of a form: "Attribute.1.Name=a&Attribute.1.Value=b" is {"Attributes": {"a": "b"}}.
Answer<Parsed> parse_form(std::string_view form);

// `has_result`: as the model says, whether the answer has a part of its own in XML.
http::Response render(Protocol protocol, std::string_view operation, bool has_result, const boost::json::object& result,
                      const std::string& request_id);
// A refusal's code is the Query protocol's: "AWS.SimpleQueueService.NonExistentQueue".
http::Response render(Protocol protocol, const Refusal& refusal, const std::string& request_id);

// The name of an error in the JSON protocol: "com.amazonaws.sqs#QueueDoesNotExist".
std::string json_type(std::string_view code);

}  // namespace virga::dialects::aws::sqs
