#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virga/dialects/aws/refusal.h"

namespace virga::dialects::aws {

// What is wrong with the values of one request, gathered, because AWS reports all broken constraints at once.
class Violations {
 public:
  // `label` is the member's path in lower camel case: "environment.variables"; `constraint`: "Member must not be null".
  void add(std::string_view label, std::string_view value, std::string_view constraint);
  void add_null(std::string_view label);
  // The first member of the wrong type wins over every constraint.
  void add_wrong_type(std::string_view label, std::string_view expected);
  bool empty() const { return constraints_.empty() && wrong_type_.empty(); }
  // Not set if nothing is wrong.
  std::optional<Refusal> refusal() const;

 private:
  std::vector<std::string> constraints_;
  std::string wrong_type_;
};

struct Length {
  std::size_t least = 0;
  std::size_t most = 0;
};
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

// Constraints on one text, for members, path segments and query parameters alike.
void check_length(Violations& violations, std::string_view label, std::string_view value, Length length);
void check_enumeration(Violations& violations, std::string_view label, std::string_view value,
                       std::span<const std::string_view> allowed);
std::optional<std::int64_t> parse_integer(Violations& violations, std::string_view label, std::string_view text,
                                          Range range);

// Reads the members of one JSON object and notes what is wrong with them. Members nobody asks for are ignored; null is
// the same as absent. The object and the violations outlive it.
class Members {
 public:
  Members(const boost::json::object& object, Violations& violations, std::string prefix = {})
      : object_(object), violations_(violations), prefix_(std::move(prefix)) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }
  // Notes a violation if it is absent.
  void require(std::string_view name);
  std::optional<std::string> text(std::string_view name, Length length);
  std::optional<std::int64_t> integer(std::string_view name, Range range);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> enumeration(std::string_view name, std::span<const std::string_view> allowed);
  std::optional<std::vector<std::string>> texts(std::string_view name, Length count, Length length);
  std::optional<std::map<std::string, std::string>> map(std::string_view name);
  // Decoded Base64.
  std::optional<std::string> blob(std::string_view name);
  const boost::json::object* object(std::string_view name);
  // The member as JSON text.
  std::optional<std::string> raw(std::string_view name) const;
  std::string label(std::string_view name) const;
  Violations& violations() { return violations_; }

 private:
  const boost::json::value* find(std::string_view name) const;

  const boost::json::object& object_;
  Violations& violations_;
  std::string prefix_;
};

// The body of a request: an object, or empty, which means an empty one. Nested at most 64 deep.
Answer<boost::json::object> parse_body(std::string_view body);

}  // namespace virga::dialects::aws
