#pragma once

#include <memory>
#include <string_view>

#include "virga/base/result.h"
#include "virga/json/value.h"

namespace virga::events {

// What events have to look like to be meant: an event pattern as EventBridge's rules, the filters of event source
// mappings and (filter_policy.h) SNS subscriptions have it. Compiled once; a value; any thread.
//
//   {"source": ["shop"], "detail": {"price": [{"numeric": [">", 10]}], "$or": [{"a": [1]}, {"b": [{"exists":
//   false}]}]}}
//
// Every field must fit; a field fits if one entry of its list does. Types are strict: numbers are compared by value,
// texts byte for byte, and never one with the other. A list in the event fits if one of its elements does; fields of
// one object in the pattern are looked for in one and the same element. Source: EventBridge user guide, "Comparison
// operators for use in event patterns", and the README of aws/event-ruler, which is what EventBridge runs.
class Pattern {
 public:
  // InvalidArgument, in EventBridge's words: `Event pattern is not valid. Reason: "source" must be an object or an
  // array`.
  static Result<Pattern> compile(std::string_view text);

  bool matches(const json::Value& event) const;
  // False for what is not JSON.
  bool matches(std::string_view event) const;

 private:
  struct Node;
  class Compiler;
  explicit Pattern(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  static bool fits(const Node& node, const json::Value* value);
  static bool fits_object(const Node& node, const json::Value* object);

  std::shared_ptr<const Node> root_;  // never changed, so that copies share it
};

}  // namespace virga::events
