#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/services/queue/message.h"

namespace virga::services::queue::internal {

enum class Ordering { None, ByGroup };

// Which message of one queue can be received next. Holds of each message what that needs, and no body: a million of
// them are some 190 MB. No I/O and no clock of its own, so that it can run in simulated time. One thread.
//
// Without an order, the oldest message that can be seen comes first. With groups, a group's messages leave it in their
// order, and none while another one of it is out; groups take turns by the age of their first message.
class Index {
 public:
  enum class State : std::uint8_t {
    Ready,    // can be received, or waits for its group
    Delayed,  // not received since it was sent, and not yet to be seen
    Out,      // received, and hidden until it is due
    Leaving,  // on its way out of the queue
  };
  struct Group;
  struct Entry {
    std::uint64_t nonce = 0;    // of its last receipt
    std::int64_t sent_ms = 0;   // as it is written; `sent` is what time is counted by
    std::int64_t first_ms = 0;  // when it was first received; 0: never
    SteadyTime sent{};
    SteadyTime due{};    // Delayed, Out: when it can be seen
    SteadyTime taken{};  // Out: when it was received, or when Virga started, if that was later
    Group* group = nullptr;
    std::uint32_t receives = 0;
    State state = State::Ready;
  };
  // What is known of a message that comes in. Hidden until `due` if that lies ahead.
  struct Arrival {
    std::int64_t sent_ms = 0;
    std::int64_t first_ms = 0;
    std::uint64_t nonce = 0;
    std::uint32_t receives = 0;
    SteadyTime sent{};
    SteadyTime due{};
    std::string_view group{};  // with groups; "" is one, too
  };

  explicit Index(Ordering ordering);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // Does nothing if it is there already.
  void add(Number number, const Arrival& arrival, SteadyTime now);

  // Shows what is due. The functions that are given the time do that by themselves.
  void wake(SteadyTime now);
  // Takes up to `most` messages out; they stay hidden until `due`. Counts a receive of each.
  std::vector<Number> take(std::size_t most, SteadyTime due, SteadyTime now);
  // How many take() could give at once, as far as it is cheap to say: with groups, at least one for each.
  std::size_t receivable(SteadyTime now);
  // When a message can be seen that cannot be seen now; SteadyTime::max(): none.
  SteadyTime next_due() const;

  // The messages below are there, as find() says.
  void set_receipt(Number number, std::uint64_t nonce, std::int64_t first_ms);
  // Out: hidden until then, and if that is not ahead, to be seen at once.
  void hide(Number number, SteadyTime due, SteadyTime now);
  // Out: as if it had not been received.
  void give_back(Number number);
  // From here until erase() or restore() nobody gets it; with groups, its group waits.
  void withdraw(Number number);
  void restore(Number number, SteadyTime now);
  void erase(Number number);

  const Entry* find(Number number) const;  // null: it is not there
  static std::string_view group(const Entry& entry);
  // The oldest messages, up to `most`, that are not leaving.
  std::vector<Number> oldest(std::size_t most) const;
  bool empty() const { return entries_.empty(); }

  // What can be seen, is out (or leaving), is delayed.
  std::uint64_t ready(SteadyTime now);
  std::uint64_t out(SteadyTime now);
  std::uint64_t delayed(SteadyTime now);

 private:
  using Entries = std::map<Number, Entry>;

  void show(Number number, Entry& entry);    // makes it Ready
  void unlink(Number number, Entry& entry);  // out of every order it stands in
  void count(State state, int change);
  void refresh(Group& group);
  Group& group_of(std::string_view name);

  Ordering ordering_;
  Entries entries_;
  std::set<Number> ready_;                         // without groups
  std::set<std::pair<SteadyTime, Number>> later_;  // Delayed and Out
  std::unordered_map<std::string, std::unique_ptr<Group>> groups_;
  std::set<std::pair<Number, Group*>> open_;  // groups whose first message can be received, by its number
  std::array<std::uint64_t, 4> counts_{};     // by state
};

}  // namespace virga::services::queue::internal
