#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"

namespace virga::events {

// Whose events these are: what stands in them and in ARNs.
struct Place {
  std::string region;
  std::string account;
};

// An event on its way over a bus. A value.
struct BusEvent {
  std::string id;  // a UUID, or what a CloudEvent brings
  std::string source;
  std::string detail_type;
  WallTime time;
  std::vector<std::string> resources;
  std::string detail = "{}";  // JSON
  std::string cloud_event;    // JSON: the attributes of the CloudEvent that this was; "": it was none

  // The envelope that rules match and targets get (EventBridge user guide, "Event structure"). Times in whole seconds.
  std::string to_json(const Place& place) const;
};

// 2026-11-25T17:30:00Z
std::string format_seconds(WallTime time);
// RFC 3339, with any offset and fraction; nothing if it is none, or a year that WallTime cannot hold (before 1678,
// after 2261).
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace virga::events
