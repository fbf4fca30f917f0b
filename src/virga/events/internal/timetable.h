#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "virga/events/schedule/plan.h"

namespace virga::events::internal {

// Which schedule fires next, and for which of its times. Each schedule has a mark: what lies up to it is done with, and
// never comes again, however the clock is turned. No I/O, no clock of its own. One thread.
class Timetable {
 public:
  // How late a single time may be and still counts as not missed.
  static constexpr std::chrono::seconds kPunctual{60};
  static constexpr std::size_t kMostAtOnce = 100;  // times of one schedule that are made up for in one go

  struct Firing {
    std::string id;
    std::uint64_t generation = 0;
    std::vector<UtcTime> times;          // to fire for, oldest first; may be empty
    std::optional<UtcTime> missed_from;  // the first and the last time that are not made up for
    UtcTime missed_to;
    UtcTime mark;  // that holds once all this is done
    bool is_last = false;
  };

  // Sets or replaces a schedule; times up to `mark` do not count. Answers its generation.
  std::uint64_t put(const std::string& id, Plan plan, UtcTime mark);
  void remove(const std::string& id);
  bool contains(const std::string& id) const { return entries_.contains(id); }
  std::optional<UtcTime> mark(const std::string& id) const;
  std::size_t size() const { return entries_.size(); }

  // The next schedule to fire at `now`, which then rests until done() or again() is called for it; nothing: none.
  std::optional<Firing> take(UtcTime now);
  // Whether the schedule is still the one that was taken.
  bool is_current(const Firing& firing) const;
  void done(const Firing& firing);
  // It could not be done, and comes again.
  void again(const Firing& firing);
  // When the next one fires; nothing: none does.
  std::optional<UtcTime> next() const;

  // Schedules that fire until `until` and were not named here before for that.
  std::vector<std::string> take_coming(UtcTime until);
  // When the next one fires of those that take_coming() has not looked at; nothing: none does.
  std::optional<UtcTime> next_coming() const;

 private:
  struct Entry {
    Plan plan;
    UtcTime mark;
    std::uint64_t generation = 0;
    std::optional<UtcTime> due;      // the next time
    std::optional<UtcTime> fire_at;  // what it stands under in queue_; nothing: it does not
  };
  std::optional<UtcTime> next_of(const Entry& entry, UtcTime after) const;
  UtcTime last_until(const Entry& entry, UtcTime first, UtcTime bound) const;
  void line_up(const std::string& id, Entry& entry);
  void take_out(const std::string& id, Entry& entry);

  std::map<std::string, Entry> entries_;
  std::set<std::pair<UtcTime, std::string>> queue_;
  UtcTime looked_ahead_;  // up to which take_coming() has named them
  std::uint64_t generations_ = 0;
};

}  // namespace virga::events::internal
