#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/json/value.h"

namespace virga::events {

// A target of a rule, as EventBridge's PutTargets describes it (botocore events/2015-10-07, shape Target). A value.
struct RuleTarget {
  std::string id;
  std::string arn;
  std::string raw;  // JSON, as it was given, for listing

  // What it gets: the event itself, unless one of these is set.
  std::string input;                         // a fixed text
  std::string input_path;                    // a part of the event
  std::map<std::string, std::string> paths;  // variables of the template, and where they stand in the event
  std::string input_template;

  std::string dead_letters;         // ARN; "": none
  std::chrono::seconds max_age{0};  // RetryPolicy.MaximumEventAgeInSeconds; 0: none
  std::string group;                // SqsParameters.MessageGroupId

  // InvalidArgument says which member is wrong, in EventBridge's words where it has some.
  static Result<RuleTarget> read(std::string_view text);

  // `event` is the whole event, `rule_arn` and `rule_name` the rule that it matched, `now` when (RFC 3339).
  struct Match {
    const json::Value& event;
    std::string_view rule_arn;
    std::string_view rule_name;
    std::string_view now;
  };
  std::string make_input(const Match& match) const;

 private:
  enum class Form { Json, Text };
  std::string fill_template(const Match& match, Form form) const;
};

// The part of a document that a path means: $, $.detail.state, $.resources[0], $.detail['a b']. Null: there is none.
const json::Value* find_path(const json::Value& document, std::string_view path);
// Whether it is written as a path at all.
bool is_path(std::string_view path);

}  // namespace virga::events
