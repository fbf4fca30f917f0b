#include "virga/dialects/aws/events/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/events/targets/bus.h"

namespace virga::dialects::aws::event_bridge {
namespace {

constexpr std::array kOperations = {
    Operation{"CreateEventBus", create_event_bus},
    Operation{"DeleteEventBus", delete_event_bus},
    Operation{"DeleteRule", delete_rule},
    Operation{"DescribeEventBus", describe_event_bus},
    Operation{"DescribeRule", describe_rule},
    Operation{"DisableRule", disable_rule},
    Operation{"EnableRule", enable_rule},
    Operation{"ListEventBuses", list_event_buses},
    Operation{"ListRuleNamesByTarget", list_rule_names_by_target},
    Operation{"ListRules", list_rules},
    Operation{"ListTagsForResource", list_tags_for_resource},
    Operation{"ListTargetsByRule", list_targets_by_rule},
    Operation{"PutEvents", put_events},
    Operation{"PutRule", put_rule},
    Operation{"PutTargets", put_targets},
    Operation{"RemoveTargets", remove_targets},
    Operation{"TagResource", tag_resource},
    Operation{"TestEventPattern", test_event_pattern},
    Operation{"UntagResource", untag_resource},
};

bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == '/';
  });
}

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

Refusal refusal_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::NotFound:
      return {400, "ResourceNotFoundException", error.message(), {}};
    case ErrorCode::AlreadyExists:
      return {400, "ResourceAlreadyExistsException", error.message(), {}};
    case ErrorCode::InvalidArgument:
    case ErrorCode::Conflict:
      if (error.message().starts_with("Event pattern is not valid")) {
        return {400, "InvalidEventPatternException", error.message(), {}};
      }
      return {400, "ValidationException", error.message(), {}};
    case ErrorCode::ResourceExhausted:
      return {400, "ThrottlingException", error.message(), {}};
    default:
      return {500, "InternalException", error.message(), {}};
  }
}

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string().data(), value->get_string().size());
}

std::string bus_name(const boost::json::object& body) {
  auto name = text_of(body, "EventBusName");
  if (name.empty()) return std::string(events::kDefaultBus);
  auto in_arn = events::bus_in(name);
  return in_arn.empty() ? name : std::string(in_arn);
}

Answer<std::string> name_of(const boost::json::object& body, std::string_view label, std::size_t most) {
  auto name = text_of(body, label);
  if (name.empty() || name.size() > most || !is_name(name)) {
    auto lower = std::string(label);
    lower[0] = static_cast<char>(lower[0] | 32);
    return std::unexpected(validation_exception(fmt::format(
        "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have 1 to {} "
        "characters and satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
        name.substr(0, 100), lower, most)));
  }
  return name;
}

Answer<Page> read_page(const boost::json::object& body) {
  Page page;
  if (auto token = text_of(body, "NextToken"); !token.empty()) {
    auto after = from_base64(token);
    if (!after) return std::unexpected(validation_exception("Parameter NextToken is not valid."));
    page.after = std::move(*after);
  }
  if (const auto* limit = body.if_contains("Limit"); limit != nullptr && !limit->is_null()) {
    const auto* number = limit->if_int64();
    if (number == nullptr || *number < 1 || *number > 100) {
      return std::unexpected(validation_exception("Parameter Limit is not valid: it is a number from 1 to 100."));
    }
    page.limit = static_cast<std::size_t>(*number);
  }
  return page;
}

}  // namespace virga::dialects::aws::event_bridge
