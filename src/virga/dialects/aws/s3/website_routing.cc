#include "virga/dialects/aws/s3/website_routing.h"

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"

namespace virga::dialects::aws::s3 {
namespace {

constexpr std::size_t kMostRules = 50;

// -1: this is no number.
int number_of(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size() ? number : -1;
}

std::optional<std::string> text_in(const XmlNode& node, std::string_view name) {
  if (node.child(name) == nullptr) return std::nullopt;
  return std::string(node.text_of(name));
}

Answer<RoutingRule> read_rule(const XmlNode& node) {
  RoutingRule rule;
  if (const auto* condition = node.child("Condition")) {
    rule.prefix = condition->text_of("KeyPrefixEquals");
    if (auto error = text_in(*condition, "HttpErrorCodeReturnedEquals")) rule.error = number_of(*error);
    bool is_error = rule.error == 0 || (rule.error >= 400 && rule.error <= 599);
    if (!is_error) return invalid_argument("HttpErrorCodeReturnedEquals is a number from 400 to 599");
    if (rule.prefix.empty() && rule.error == 0) return malformed_xml("a Condition says nothing");
  }
  const auto* redirect = node.child("Redirect");
  if (redirect == nullptr) return malformed_xml("a RoutingRule has no Redirect");
  rule.protocol = redirect->text_of("Protocol");
  rule.host = redirect->text_of("HostName");
  rule.new_prefix = text_in(*redirect, "ReplaceKeyPrefixWith");
  rule.new_key = text_in(*redirect, "ReplaceKeyWith");
  auto status = text_in(*redirect, "HttpRedirectCode");
  if (status) rule.status = number_of(*status);
  if (rule.new_prefix && rule.new_key) {
    return malformed_xml("a Redirect has either ReplaceKeyPrefixWith or ReplaceKeyWith");
  }
  if (!rule.protocol.empty() && rule.protocol != "http" && rule.protocol != "https") {
    return invalid_argument(
        "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
        "selected automatically.");
  }
  if (rule.status <= 300 || rule.status > 399) {
    return invalid_argument("The provided HTTP redirect code is not valid. Valid codes are 3XX except 300.");
  }
  if (rule.protocol.empty() && rule.host.empty() && !rule.new_prefix && !rule.new_key && !status) {
    return malformed_xml("a Redirect says nothing");
  }
  return rule;
}

}  // namespace

Answer<std::vector<RoutingRule>> read_routing(const XmlNode& node) {
  std::vector<RoutingRule> rules;
  for (const auto& child : node.children) {
    if (child.name != "RoutingRule") continue;
    VIRGA_OR_REFUSE(auto rule, read_rule(child));
    rules.push_back(std::move(rule));
  }
  if (rules.size() > kMostRules) return invalid_argument("A web site has at most 50 RoutingRules");
  return rules;
}

const RoutingRule* find_routing(const std::vector<RoutingRule>& rules, std::string_view key, int error) {
  auto found = std::ranges::find_if(
      rules, [&](const RoutingRule& rule) { return rule.error == error && key.starts_with(rule.prefix); });
  return found == rules.end() ? nullptr : &*found;
}

std::string location_of(const RoutingRule& rule, std::string_view key, std::string_view host) {
  std::string wanted(key);
  if (rule.new_key) wanted = *rule.new_key;
  if (rule.new_prefix) wanted = *rule.new_prefix + wanted.substr(rule.prefix.size());
  auto text = rule.protocol.empty() ? std::string("http") : rule.protocol;
  text.append("://").append(rule.host.empty() ? host : std::string_view(rule.host));
  return text.append("/").append(percent_encode(wanted, Slash::Keep));
}

}  // namespace virga::dialects::aws::s3
