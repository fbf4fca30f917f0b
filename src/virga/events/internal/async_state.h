#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "virga/events/async_calls.h"
#include "virga/events/internal/async_figures.h"
#include "virga/events/internal/keys.h"
#include "virga/events/internal/lanes.h"
#include "virga/events/internal/pace.h"
#include "virga/events/rules.h"
#include "virga/io/event.h"
#include "virga/io/task_group.h"

namespace virga::events {

namespace internal {

// Bytes that a call takes while it waits in memory. Its ids and names are short texts, each a block of its own.
inline std::uint64_t memory_of(const AcceptedCall& call) {
  constexpr std::uint64_t kTexts = 256;
  return sizeof(AcceptedCall) + kTexts + call.invocation.payload.size();
}

}  // namespace internal

// What AsyncCalls is made of: accepting and asking in async_calls.cc, running in async_delivery.cc.
struct AsyncCalls::State {
  State(Parts p, Options o);

  Parts parts;
  Options options;
  internal::AsyncFigures figures;
  internal::Lanes lanes;
  internal::Pace pace{1'000, 10};  // of calls that begin while somebody waits for another one
  io::TaskGroup tasks;
  io::Timer next_change;
  catalog::Watch changes;  // of functions, for lanes that rest
  io::Timer cleaning;
  io::Event stop_asked;
  bool is_serving = false;
  bool pump_is_due = false;
  bool pump_is_posted = false;
  std::shared_ptr<const bool> presence = std::make_shared<const bool>(true);  // what is posted asks whether this lives
  std::uint64_t cached = 0;                                                   // bytes of calls in the lanes
  std::map<internal::CallId, WallTime> running;                               // since when
  std::map<internal::CallId, std::vector<std::shared_ptr<io::Event>>> awaited;  // whose end somebody waits for
  std::map<std::string, std::shared_ptr<io::Event>> keys_coming;  // idempotency keys that are on their way to the disk
  std::set<internal::CallId> redriven;                            // on their way to the disk
  // While calls of before are read: those that came since, which may be read too.
  bool is_loading = true;
  std::set<internal::CallId> came_since;

  // ---- async_calls.cc ----
  void line_up(const internal::CallId& id, std::shared_ptr<const AcceptedCall> call);
  io::Task<void> load();
  void forget_waiter(const internal::CallId& id, const std::shared_ptr<io::Event>& event);
  io::Task<void> forget_old();

  // ---- async_delivery.cc ----
  struct Run;
  void pump();
  void pump_soon();
  void post(std::function<void()> work);  // any thread; forgotten if this is gone by then
  io::Task<void> deliver(internal::Lanes::Ticket ticket);
  io::Task<Result<>> prepare(Run& run);
  io::Task<bool> attempt(Run& run);
  void take_outcome(Run& run, WallTime begin, std::string version, model::Outcome outcome);
  void end(Run& run, Condition condition, std::string reason);
  io::Task<bool> record(Run& run);
  store::Batch make_record(Run& run);
  void hand_over(Run& run, const std::string& arn, Parcel parcel, store::Batch& batch);
  void settle(Run& run);
};

}  // namespace virga::events
