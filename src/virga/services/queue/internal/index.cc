#include "virga/services/queue/internal/index.h"

#include <optional>

#include "virga/base/assert.h"

namespace virga::services::queue::internal {

struct Index::Group {
  std::string name;
  std::set<Number> waiting;       // Ready and Delayed
  std::uint32_t out = 0;          // Out and Leaving
  std::optional<Number> open_by;  // its place in open_
};

Index::Index(Ordering ordering) : ordering_(ordering) {}
Index::~Index() = default;

void Index::count(State state, int change) {
  counts_[static_cast<std::size_t>(state)] += static_cast<std::uint64_t>(static_cast<std::int64_t>(change));
}

Index::Group& Index::group_of(std::string_view name) {
  auto& group = groups_[std::string(name)];
  if (!group) {
    group = std::make_unique<Group>();
    group->name = name;
  }
  return *group;
}

// Puts the group where it belongs among the open ones, and drops it when it is empty.
void Index::refresh(Group& group) {
  std::optional<Number> first;
  if (group.out == 0 && !group.waiting.empty()) {
    auto number = *group.waiting.begin();
    if (entries_.at(number).state == State::Ready) first = number;
  }
  if (group.open_by != first) {
    if (group.open_by) open_.erase({*group.open_by, &group});
    if (first) open_.insert({*first, &group});
    group.open_by = first;
  }
  if (group.out == 0 && group.waiting.empty()) groups_.erase(std::string(group.name));
}

void Index::add(Number number, const Arrival& arrival, SteadyTime now) {
  auto [place, is_new] = entries_.try_emplace(number);
  if (!is_new) return;
  auto& entry = place->second;
  entry.nonce = arrival.nonce;
  entry.sent_ms = arrival.sent_ms;
  entry.first_ms = arrival.first_ms;
  entry.receives = arrival.receives;
  entry.sent = arrival.sent;
  entry.due = arrival.due;
  entry.taken = now;
  bool is_hidden = arrival.due > now;
  entry.state = !is_hidden ? State::Ready : arrival.receives > 0 ? State::Out : State::Delayed;
  count(entry.state, 1);
  if (is_hidden) later_.insert({entry.due, number});
  if (ordering_ == Ordering::None) {
    if (!is_hidden) ready_.insert(ready_.end(), number);
    return;
  }
  entry.group = &group_of(arrival.group);
  if (entry.state == State::Out) {
    ++entry.group->out;
  } else {
    entry.group->waiting.insert(number);
  }
  refresh(*entry.group);
}

void Index::unlink(Number number, Entry& entry) {
  count(entry.state, -1);
  if (entry.state == State::Delayed || entry.state == State::Out) later_.erase({entry.due, number});
  if (ordering_ == Ordering::None) {
    if (entry.state == State::Ready) ready_.erase(number);
    return;
  }
  if (entry.state == State::Ready || entry.state == State::Delayed) {
    entry.group->waiting.erase(number);
  } else {
    --entry.group->out;
  }
}

void Index::show(Number number, Entry& entry) {
  unlink(number, entry);
  entry.state = State::Ready;
  count(State::Ready, 1);
  if (ordering_ == Ordering::None) {
    ready_.insert(number);
    return;
  }
  entry.group->waiting.insert(number);
  refresh(*entry.group);
}

void Index::wake(SteadyTime now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    auto number = later_.begin()->second;
    show(number, entries_.at(number));
  }
}

std::vector<Number> Index::take(std::size_t most, SteadyTime due, SteadyTime now) {
  wake(now);
  std::vector<Number> taken;
  auto take_one = [&](Number number) {
    auto& entry = entries_.at(number);
    unlink(number, entry);
    entry.state = State::Out;
    entry.due = due;
    entry.taken = now;
    ++entry.receives;
    count(State::Out, 1);
    later_.insert({due, number});
    if (entry.group != nullptr) ++entry.group->out;
    taken.push_back(number);
  };
  if (ordering_ == Ordering::None) {
    while (taken.size() < most && !ready_.empty()) take_one(*ready_.begin());
    return taken;
  }
  // Of one group as many as are wanted, in their order: they go out together.
  while (taken.size() < most && !open_.empty()) {
    auto& group = *open_.begin()->second;
    while (taken.size() < most && !group.waiting.empty()) {
      auto number = *group.waiting.begin();
      if (entries_.at(number).state != State::Ready) break;
      take_one(number);
    }
    refresh(group);
  }
  return taken;
}

std::size_t Index::receivable(SteadyTime now) {
  wake(now);
  return ordering_ == Ordering::None ? ready_.size() : open_.size();
}

SteadyTime Index::next_due() const {
  return later_.empty() ? SteadyTime::max() : later_.begin()->first;
}

void Index::set_receipt(Number number, std::uint64_t nonce, std::int64_t first_ms) {
  auto& entry = entries_.at(number);
  entry.nonce = nonce;
  entry.first_ms = first_ms;
}

void Index::hide(Number number, SteadyTime due, SteadyTime now) {
  auto& entry = entries_.at(number);
  VIRGA_ASSERT(entry.state == State::Out);
  if (due <= now) return show(number, entry);
  later_.erase({entry.due, number});
  entry.due = due;
  later_.insert({due, number});
}

void Index::give_back(Number number) {
  auto& entry = entries_.at(number);
  if (entry.state != State::Out) return;
  --entry.receives;
  if (entry.receives == 0) entry.first_ms = 0;
  show(number, entry);
}

void Index::withdraw(Number number) {
  auto& entry = entries_.at(number);
  unlink(number, entry);
  entry.state = State::Leaving;
  count(State::Leaving, 1);
  if (entry.group == nullptr) return;
  ++entry.group->out;
  refresh(*entry.group);
}

void Index::restore(Number number, SteadyTime now) {
  auto& entry = entries_.at(number);
  VIRGA_ASSERT(entry.state == State::Leaving);
  if (entry.due <= now || entry.receives == 0) return show(number, entry);
  // It was out, and stays so for the rest of its time.
  count(State::Leaving, -1);
  entry.state = State::Out;
  count(State::Out, 1);
  later_.insert({entry.due, number});
}

void Index::erase(Number number) {
  auto place = entries_.find(number);
  VIRGA_ASSERT(place != entries_.end());
  auto* group = place->second.group;
  unlink(number, place->second);
  entries_.erase(place);
  if (group != nullptr) refresh(*group);
}

const Index::Entry* Index::find(Number number) const {
  auto place = entries_.find(number);
  return place == entries_.end() ? nullptr : &place->second;
}

std::string_view Index::group(const Entry& entry) {
  return entry.group == nullptr ? std::string_view() : entry.group->name;
}

std::vector<Number> Index::oldest(std::size_t most) const {
  std::vector<Number> numbers;
  for (auto place = entries_.begin(); place != entries_.end() && numbers.size() < most; ++place) {
    if (place->second.state != State::Leaving) numbers.push_back(place->first);
  }
  return numbers;
}

std::uint64_t Index::ready(SteadyTime now) {
  wake(now);
  return counts_[static_cast<std::size_t>(State::Ready)];
}
std::uint64_t Index::out(SteadyTime now) {
  wake(now);
  return counts_[static_cast<std::size_t>(State::Out)] + counts_[static_cast<std::size_t>(State::Leaving)];
}
std::uint64_t Index::delayed(SteadyTime now) {
  wake(now);
  return counts_[static_cast<std::size_t>(State::Delayed)];
}

}  // namespace virga::services::queue::internal
