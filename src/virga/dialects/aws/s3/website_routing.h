#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/dialects/aws/s3/call.h"

// Where a web site sends its visitors instead of an object (S3 API, "RoutingRule", "Condition", "Redirect"). Pure.
namespace virga::dialects::aws::s3 {

struct RoutingRule {
  std::string prefix;  // of the keys that it is for
  int error = 0;       // only when this would be answered; 0: before anything is looked up
  std::string protocol;
  std::string host;  // "": the one that was asked
  std::optional<std::string> new_prefix;
  std::optional<std::string> new_key;
  int status = 301;
};

// Of the element RoutingRules.
Answer<std::vector<RoutingRule>> read_routing(const XmlNode& node);
// The first rule for this key; null: none is. `error`: as in the rule.
const RoutingRule* find_routing(const std::vector<RoutingRule>& rules, std::string_view key, int error);
// What the field Location says; `host` is the one that was asked.
std::string location_of(const RoutingRule& rule, std::string_view key, std::string_view host);

}  // namespace virga::dialects::aws::s3
