#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "virga/base/clock.h"
#include "virga/runtime/call.h"

namespace virga::runtime {

// The calls an instance was given and has not answered, by the numbers they have in its contract: 1, 2, ... in the
// order they were given. Borrows the calls. One loop; nothing is searched, whatever number is answered.
class CallsInFlight {
 public:
  // How many the process runs at a time. 1: only the first one runs, the others wait in its socket. More: all run.
  void set_limit(std::size_t limit) { limit_ = limit; }
  std::size_t limit() const { return limit_; }

  // Gives its number; notes in Call::started when it began to run.
  std::uint64_t add(Call& call, SteadyTime now);
  // The call of this number if it runs, else null: nothing else can be answered.
  Call* running(std::uint64_t number) const;
  // It was answered. With a limit of 1 the next one begins.
  void remove(std::uint64_t number, SteadyTime now);

  // The one that runs for longest and its number; null: none runs.
  Call* oldest() const { return calls_.empty() ? nullptr : calls_.front(); }
  std::uint64_t oldest_number() const { return first_number_; }

  std::size_t size() const { return open_; }
  bool empty() const { return open_ == 0; }
  // All of them, in their order; none is left.
  std::vector<Call*> take_all();

 private:
  std::deque<Call*> calls_;  // null where one was answered before an earlier one; never null in front
  std::uint64_t first_number_ = 1;
  std::size_t open_ = 0;
  std::size_t limit_ = 1;
};

}  // namespace virga::runtime
