#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/events/schedule/expression.h"
#include "virga/events/schedule/zone.h"

namespace virga::events {

// What happens with times that went by while nobody looked: Virga was down, or the clock was put forward.
enum class Missed {
  Skip,  // nothing; it is written down that they were missed
  Once,  // the last of them is made up for
  All,   // each of them is
};
std::string_view name(Missed missed);  // "skip", "once", "all"
std::optional<Missed> parse_missed(std::string_view name);

// When a schedule fires. A value.
struct Plan {
  Expression expression;
  Zone zone = Zone::utc();
  std::optional<UtcTime> start;  // not before
  std::optional<UtcTime> end;    // not after
  std::chrono::seconds window{0};
  Missed missed = Missed::Once;
  bool is_enabled = true;
  UtcTime created;         // rates count from here, or from the start
  std::uint64_t seed = 0;  // of what spreads it over its window
};

// The same as it was asked for, and as it lies on the disk.
struct PlanText {
  std::string expression;
  std::string zone;  // "": UTC
  std::optional<UtcTime> start;
  std::optional<UtcTime> end;
  std::chrono::seconds window{0};
  Missed missed = Missed::Once;
  bool is_enabled = true;
  UtcTime created;

  // InvalidArgument says what is wrong. The seed is made of `id`.
  Result<Plan> compile(std::string_view id) const;
  std::string encode() const;
  static std::optional<PlanText> decode(std::string_view bytes);
};

}  // namespace virga::events
