#include "virga/events/internal/timetable.h"

#include <algorithm>

namespace virga::events::internal {

using std::chrono::seconds;

namespace {

const std::string kBehindAll(1, '\xff');  // every id

}  // namespace

std::uint64_t Timetable::put(const std::string& id, Plan plan, UtcTime mark) {
  auto found = entries_.find(id);
  if (found != entries_.end()) {
    take_out(id, found->second);
    entries_.erase(found);
  }
  auto& entry = entries_.emplace(id, Entry{std::move(plan), mark, ++generations_, {}, {}}).first->second;
  line_up(id, entry);
  return entry.generation;
}

void Timetable::remove(const std::string& id) {
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  take_out(id, found->second);
  entries_.erase(found);
}

std::optional<UtcTime> Timetable::mark(const std::string& id) const {
  auto found = entries_.find(id);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.mark);
}

std::optional<UtcTime> Timetable::next_of(const Entry& entry, UtcTime after) const {
  const auto& plan = entry.plan;
  if (plan.start) after = std::max(after, *plan.start - seconds(1));
  auto next = plan.expression.next_after(after, plan.start.value_or(plan.created), plan.zone);
  return next && plan.end && *next > *plan.end ? std::nullopt : next;
}

// The last time from `first` to `bound`, both included. Whether there is one behind t is known at once for any t, so
// it is found by halving, however many lie between.
UtcTime Timetable::last_until(const Entry& entry, UtcTime first, UtcTime bound) const {
  auto low = first, high = bound;  // behind low nothing is known, behind high there is none
  auto last = first;
  while (low < high) {
    auto middle = low + (high - low) / 2;
    auto next = next_of(entry, middle);
    if (next && *next <= bound) {
      last = *next;
      low = *next;
    } else {
      high = middle;
    }
  }
  return last;
}

void Timetable::line_up(const std::string& id, Entry& entry) {
  entry.fire_at = std::nullopt;
  entry.due = entry.plan.is_enabled ? next_of(entry, entry.mark) : std::nullopt;
  if (!entry.due) return;
  entry.fire_at = *entry.due + spread(entry.plan.seed, *entry.due, entry.plan.window);
  queue_.emplace(*entry.fire_at, id);
}

void Timetable::take_out(const std::string& id, Entry& entry) {
  if (entry.fire_at) queue_.erase({*entry.fire_at, id});
  entry.fire_at = std::nullopt;
}

std::optional<Timetable::Firing> Timetable::take(UtcTime now) {
  if (queue_.empty() || queue_.begin()->first > now) return std::nullopt;
  Firing firing;
  firing.id = queue_.begin()->second;
  auto& entry = entries_.at(firing.id);
  auto fire_at = *entry.fire_at;
  take_out(firing.id, entry);
  firing.generation = entry.generation;
  auto first = *entry.due;
  // Those that are still within their window are not due yet.
  auto last = last_until(entry, first, std::max(first, now - entry.plan.window));
  firing.mark = last;
  bool is_late = first == last ? now - fire_at > kPunctual : now - last > kPunctual + entry.plan.window;
  auto miss = [&](UtcTime to) {
    firing.missed_from = first;
    firing.missed_to = to;
  };
  // The last of several is on time where it is not late itself.
  bool fires_last = entry.plan.missed != Missed::Skip || !is_late;
  if (entry.plan.missed == Missed::All) {
    for (std::optional<UtcTime> time = first; time && *time <= last; time = next_of(entry, *time)) {
      if (firing.times.size() == kMostAtOnce) break;
      firing.times.push_back(*time);
    }
    firing.mark = firing.times.back();
  } else if (!fires_last) {
    miss(last);
  } else {
    firing.times.push_back(last);
    if (first != last) {
      // Up to the one before the last.
      miss(last_until(entry, first, last - seconds(1)));
    }
  }
  firing.is_last = !next_of(entry, firing.mark);
  return firing;
}

bool Timetable::is_current(const Firing& firing) const {
  auto found = entries_.find(firing.id);
  return found != entries_.end() && found->second.generation == firing.generation;
}

void Timetable::done(const Firing& firing) {
  if (!is_current(firing)) return;
  auto& entry = entries_.at(firing.id);
  entry.mark = firing.mark;
  line_up(firing.id, entry);
}

void Timetable::again(const Firing& firing) {
  if (!is_current(firing)) return;
  line_up(firing.id, entries_.at(firing.id));
}

std::optional<UtcTime> Timetable::next() const {
  return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->first);
}

std::vector<std::string> Timetable::take_coming(UtcTime until) {
  std::vector<std::string> coming;
  for (auto place = queue_.upper_bound({looked_ahead_, kBehindAll}); place != queue_.end(); ++place) {
    if (place->first > until) break;
    coming.push_back(place->second);
  }
  // When the clock is put back as well: some may be named twice, and none never.
  looked_ahead_ = until;
  return coming;
}

std::optional<UtcTime> Timetable::next_coming() const {
  auto place = queue_.upper_bound({looked_ahead_, kBehindAll});
  return place == queue_.end() ? std::nullopt : std::optional(place->first);
}

}  // namespace virga::events::internal
