#include "virga/events/internal/lanes.h"

#include <algorithm>

#include "virga/base/assert.h"

namespace virga::events::internal {

struct Lanes::Lane {
  std::string name;
  std::deque<Entry> ready;
  std::uint64_t later = 0;  // of this lane in later_
  std::uint32_t running = 0;
  double window = 1;
  bool has_been_refused = false;  // from then on its window grows slowly
  std::chrono::milliseconds rest{0};
  std::optional<std::multimap<SteadyTime, Lane*>::iterator> resting;
  std::optional<std::list<Lane*>::iterator> turn;

  bool may_run() const { return !ready.empty() && !resting && running < static_cast<std::uint32_t>(window); }
};

Lanes::Lanes(Options options) : options_(options) {}
Lanes::~Lanes() = default;

const std::string& Lanes::name(const Lane& lane) {
  return lane.name;
}

Lanes::Lane& Lanes::lane_of(std::string_view name) {
  auto& lane = lanes_[std::string(name)];
  if (!lane) {
    lane = std::make_unique<Lane>();
    lane->name = name;
    lane->window = options_.first_window;
  }
  return *lane;
}

void Lanes::add(std::string_view name, Entry entry) {
  auto& lane = lane_of(name);
  lane.ready.push_back(std::move(entry));
  ++waiting_;
  line_up(lane);
}

void Lanes::add_later(std::string_view name, Entry entry, SteadyTime due) {
  auto& lane = lane_of(name);
  ++lane.later;
  ++waiting_;
  later_.push({due, orders_++, &lane, std::move(entry)});
}

// In or out of the lanes that take turns, as it may run or not.
void Lanes::line_up(Lane& lane) {
  if (lane.may_run() == lane.turn.has_value()) return;
  if (lane.turn) {
    turns_.erase(*lane.turn);
    lane.turn.reset();
  } else {
    lane.turn = turns_.insert(turns_.end(), &lane);
  }
}

void Lanes::wake(SteadyTime now) {
  while (!resting_.empty() && resting_.begin()->first <= now) {
    auto& lane = *resting_.begin()->second;
    resting_.erase(resting_.begin());
    lane.resting.reset();
    line_up(lane);
  }
  while (!later_.empty() && later_.top().due <= now) {
    auto& lane = *later_.top().lane;
    lane.ready.push_back(later_.top().entry);
    later_.pop();
    --lane.later;
    line_up(lane);
  }
}

void Lanes::end_rests(std::string_view function) {
  for (auto at = resting_.begin(); at != resting_.end();) {
    auto& lane = *at->second;
    bool is_its = lane.name.starts_with(function) && lane.name.substr(function.size()).starts_with(':');
    if (!is_its) {
      ++at;
      continue;
    }
    at = resting_.erase(at);
    lane.resting.reset();
    lane.rest = {};
    line_up(lane);
  }
}

std::optional<Lanes::Ticket> Lanes::next(SteadyTime now) {
  wake(now);
  if (turns_.empty() || running_ >= options_.most_at_once) return std::nullopt;
  auto& lane = *turns_.front();
  Ticket ticket{&lane, std::move(lane.ready.front())};
  lane.ready.pop_front();
  ++lane.running;
  ++running_;
  --waiting_;
  turns_.splice(turns_.end(), turns_, turns_.begin());
  line_up(lane);
  return ticket;
}

SteadyTime Lanes::next_change() const {
  auto rest = resting_.empty() ? SteadyTime::max() : resting_.begin()->first;
  return later_.empty() ? rest : std::min(rest, later_.top().due);
}

// One more for each call that found an instance, so a lane doubles its window in the time of a call; after a refusal,
// one more for a whole window of calls.
void Lanes::adapt(Lane& lane, std::chrono::microseconds queue) {
  lane.rest = {};
  if (queue > options_.bearable_queue) return;
  lane.window += lane.has_been_refused ? 1 / lane.window : 1;
  lane.window = std::min<double>(lane.window, options_.most_at_once);
}

void Lanes::leave(Lane& lane) {
  VIRGA_ASSERT(lane.running > 0 && running_ > 0);
  --lane.running;
  --running_;
}

void Lanes::finish(const Ticket& ticket, std::chrono::microseconds queue) {
  auto& lane = *ticket.lane;
  leave(lane);
  adapt(lane, queue);
  line_up(lane);
  drop_if_empty(lane);
}

void Lanes::retry(Ticket ticket, std::chrono::microseconds queue, SteadyTime due) {
  auto& lane = *ticket.lane;
  leave(lane);
  adapt(lane, queue);
  ++lane.later;
  ++waiting_;
  later_.push({due, orders_++, &lane, std::move(ticket.entry)});
  line_up(lane);
}

void Lanes::refuse(Ticket ticket, SteadyTime now) {
  auto& lane = *ticket.lane;
  leave(lane);
  lane.ready.push_front(std::move(ticket.entry));
  ++waiting_;
  lane.has_been_refused = true;
  // Those that were under way when the first one was refused are refused for the same reason.
  if (!lane.resting) {
    lane.window = std::max(1.0, lane.window / 2);
    lane.rest = lane.rest.count() == 0 ? options_.first_rest : std::min(lane.rest * 2, options_.longest_rest);
    lane.resting = resting_.emplace(now + lane.rest, &lane);
  }
  line_up(lane);
}

void Lanes::drop_if_empty(Lane& lane) {
  if (!lane.ready.empty() || lane.later > 0 || lane.running > 0 || lane.resting) return;
  lanes_.erase(lane.name);
}

}  // namespace virga::events::internal
