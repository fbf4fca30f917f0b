#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "virga/base/result.h"
#include "virga/events/schedule/cron.h"
#include "virga/events/schedule/zone.h"

namespace virga::events {

// When something is to happen, as EventBridge writes it: rate(5 minutes), cron(0 10 ? * MON-FRI *),
// at(2027-01-01T00:00:00). Beyond EventBridge, a rate may be one of seconds. A value; any thread. Source: EventBridge
// Scheduler user guide, "Schedule types" and "Daylight savings time on EventBridge Scheduler".
//
// Where clocks are put forward, a time of a cron expression that they leave out is left out; where they are put back, a
// time that comes twice counts once, the first time. A single time that is left out counts when they go on. Rates do
// not look at clocks.
class Expression {
 public:
  enum class Kind { Rate, Cron, Once };

  // InvalidArgument says what is wrong.
  static Result<Expression> parse(std::string_view text);
  static Expression of(Cron cron) { return Expression(cron); }

  Kind kind() const { return static_cast<Kind>(when_.index()); }
  // The first time behind `time`. A rate counts from `anchor`, which is one of its times. Nothing: there is none.
  std::optional<UtcTime> next_after(UtcTime time, UtcTime anchor, const Zone& zone) const;

 private:
  using When = std::variant<std::chrono::seconds, Cron, LocalTime>;
  explicit Expression(When when) : when_(when) {}
  static std::optional<UtcTime> next_of(const Cron& cron, UtcTime time, const Zone& zone);
  static UtcTime moment_of(LocalTime time, const Zone& zone);

  When when_;
};

// How long after its time something with a flexible window happens: evenly spread over the window, the same each time
// it is asked for the same seed and time.
std::chrono::seconds spread(std::uint64_t seed, UtcTime due, std::chrono::seconds window);

}  // namespace virga::events
