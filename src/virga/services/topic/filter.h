#pragma once

#include <map>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/events/pattern.h"

namespace virga::services {

// An attribute of a message. Types: String, String.Array (JSON), Number, Binary (Base64), and any of them with a label
// behind a point: Number.int.
struct MessageAttribute {
  std::string type;
  std::string value;
  bool operator==(const MessageAttribute&) const = default;
};
using MessageAttributes = std::map<std::string, MessageAttribute>;

// Which messages a subscription gets: an event pattern over the message's attributes, or over its body if that is JSON
// (SNS developer guide, "Amazon SNS subscription filter policies"). Numbers are compared with attributes of type
// Number, texts with all others. A value.
class Filter {
 public:
  enum class Scope { Attributes, Body };

  // InvalidArgument says why it is none.
  static Result<Filter> compile(std::string_view policy, Scope scope);
  bool matches(const MessageAttributes& attributes, std::string_view body) const;

 private:
  Filter(events::Pattern pattern, Scope scope) : pattern_(std::move(pattern)), scope_(scope) {}

  events::Pattern pattern_;
  Scope scope_;
};

}  // namespace virga::services
