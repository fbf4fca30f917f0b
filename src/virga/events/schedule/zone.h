#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/result.h"

namespace virga::events {

using LocalTime = std::chrono::local_seconds;
using UtcTime = std::chrono::sys_seconds;

// A time zone: what clocks on the wall show when. Read from a TZif file (RFC 8536, versions 2 to 4), its rule for the
// time behind the last entry included. A value; any thread.
class Zone {
 public:
  static constexpr std::string_view kFolder = "/usr/share/zoneinfo";

  static Zone utc();
  // By its name in the IANA database: "Europe/Berlin". InvalidArgument: there is no such zone. DataLoss: its file
  // cannot be read. Blocks on the disk for one small file.
  static Result<Zone> load(std::string_view name, const std::string& folder = std::string(kFolder));
  // From the bytes of a TZif file.
  static Result<Zone> parse(std::string_view bytes);

  LocalTime to_local(UtcTime time) const;
  // When clocks show this for the first time; nothing if they never do, because they are put forward over it.
  std::optional<UtcTime> first_at(LocalTime time) const;

 private:
  // A day in each year on which the rule of the footer changes the offset: "M10.5.0/3".
  struct RuleDay {
    enum class Form { MonthWeekDay, Day, DayWithoutLeap } form = Form::MonthWeekDay;
    unsigned month = 1, week = 1, weekday = 0;
    int day = 0;
    std::chrono::seconds time{7200};
  };
  struct Rule {
    std::chrono::seconds standard{}, summer{};
    bool has_summer = false;
    RuleDay begin, end;
  };
  struct Change {
    UtcTime time;
    std::chrono::seconds offset;
  };
  // What the zone is made of; never changed, so that copies share it.
  struct Data {
    std::chrono::seconds first{};
    std::vector<Change> changes;
    std::optional<Rule> rule;
  };
  class Reader;
  class RuleReader;

  explicit Zone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  static UtcTime change_in(const RuleDay& day, std::chrono::year year, std::chrono::seconds offset_before);
  static std::chrono::seconds offset_by(const Rule& rule, UtcTime time);
  std::chrono::seconds offset_at(UtcTime time) const;

  std::shared_ptr<const Data> data_;
};

}  // namespace virga::events
