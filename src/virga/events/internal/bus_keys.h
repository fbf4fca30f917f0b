#pragma once

#include <string>
#include <string_view>
#include <utility>

// Where buses and their rules lie in the store. Names of buses may hold '/', so '|' parts them from those
// of rules.
namespace virga::events::internal {

inline constexpr std::string_view kBuses = "events/bus/";          // + bus: BusInfo
inline constexpr std::string_view kBusRules = "events/bus-rule/";  // + bus + '|' + rule: BusRule
inline constexpr std::string_view kRuleSchedules = "rule/";        // of ids in the scheduler: + bus + '|' + rule

inline std::string rule_key(std::string_view prefix, std::string_view bus, std::string_view rule) {
  return std::string(prefix).append(bus).append("|").append(rule);
}
inline std::pair<std::string, std::string> rule_in_schedule_id(std::string_view id) {
  id.remove_prefix(kRuleSchedules.size());
  auto bar = id.find('|');
  return {std::string(id.substr(0, bar)), std::string(bar == id.npos ? std::string_view() : id.substr(bar + 1))};
}

}  // namespace virga::events::internal
