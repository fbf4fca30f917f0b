#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/services/topic/filter.h"

namespace virga::services {

using TopicTags = std::map<std::string, std::string>;
using TopicAttributes = std::map<std::string, std::string>;  // as they were set

struct Topic {
  std::string name;
  TopicAttributes attributes;
  TopicTags tags;

  bool is_fifo() const;            // keeps the order of each group, and takes a message only once
  bool dedups_by_content() const;  // where a message does not say what makes it the same
  std::string encode() const;
  static std::optional<Topic> decode(std::string_view bytes);
};

struct Subscription {
  std::string topic;
  std::string id;        // a UUID
  std::string protocol;  // lambda, sqs, http
  std::string endpoint;  // an ARN or a URL
  TopicAttributes attributes;
  bool is_confirmed = false;
  std::string token;  // that confirms it

  std::optional<Filter> filter;  // of its attributes
  bool is_raw() const;           // the message alone is sent, where it can be
  std::string dead_letters() const;

  // InvalidArgument: an attribute makes no sense.
  Result<> compile();
  std::string encode() const;
  static std::optional<Subscription> decode(std::string_view bytes);
};

}  // namespace virga::services
