#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/result.h"
#include "virga/events/bus/event.h"
#include "virga/events/bus/target.h"
#include "virga/events/pattern.h"
#include "virga/events/schedule/plan.h"

namespace virga::events {

inline constexpr std::string_view kDefaultBus = "default";
using Tags = std::map<std::string, std::string>;

// The tag that says what a schedule does about missed times: skip, once (also where there is none) or all.
inline constexpr std::string_view kMissedTag = "virga:missed";
Missed missed_of(const Tags& tags);

// A bus without its rules. A value.
struct BusInfo {
  std::string name;
  std::string description;
  WallTime created;
  WallTime modified;
  Tags tags;

  std::string encode() const;
  static std::optional<BusInfo> decode(std::string_view bytes);
};

// Which events of a bus, or which times, make something be sent to its targets. A value.
struct BusRule {
  std::string bus;
  std::string name;
  std::string pattern;   // an event pattern; "": none
  std::string schedule;  // rate(...) or cron(...); "": none
  std::string description;
  std::string role;
  bool is_enabled = true;
  WallTime created;
  Tags tags;
  std::map<std::string, RuleTarget> targets;  // by id

  std::optional<Pattern> compiled;  // of `pattern`

  // InvalidArgument: the pattern is none.
  Result<> compile();
  std::string encode() const;
  static std::optional<BusRule> decode(std::string_view bytes);
};

std::string bus_arn(const Place& place, std::string_view bus);
std::string rule_arn(const Place& place, const BusRule& rule);

}  // namespace virga::events
