#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "virga/catalog/entries.h"
#include "virga/dispatch/figures.h"
#include "virga/dispatch/instance_maker.h"
#include "virga/dispatch/internal/admission.h"
#include "virga/dispatch/internal/freezer.h"
#include "virga/dispatch/internal/lineup.h"
#include "virga/dispatch/internal/memory_budget.h"
#include "virga/dispatch/internal/scaling.h"
#include "virga/dispatch/invoker.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task_group.h"
#include "virga/ledger/logs.h"

namespace virga::dispatch {

// The instances of one version and the calls that wait for them. One loop. Shared with the lives of its instances,
// which may outlast its place in the dispatcher.
class Pool final : public std::enable_shared_from_this<Pool> {
 public:
  // Outlives the pool.
  struct Parts {
    io::Loop& loop;
    InstanceMaker& maker;
    MemoryBudget& budget;
    Freezer& freezer;
    ledger::Logs& logs;
    Figures& figures;
    io::TaskGroup& lives;  // of instances
    std::chrono::milliseconds max_queue_wait;
    // Asks other pools to give an instance up to this one, which found no room. May be empty.
    std::function<bool(Pool&)> ask_others = {};  // false: none will
  };

  // What its instances are for.
  enum class Duty {
    Serving,  // calls come
    Standby,  // its version was replaced last: one idle instance stays, if there is room, for a rollback
    Retired,  // its version is gone: idle instances end now, the others when they are done. Calls that come are run
  };

  Pool(Parts parts, catalog::VersionPointer version, std::shared_ptr<Admission::OfFunction> admitted);

  const model::Version& version() const { return *version_; }
  const Figures::OfFunction& cells() const { return cells_; }
  const std::shared_ptr<Admission::OfFunction>& admitted() const { return admitted_; }

  // `call.done` is set when it has run or was refused.
  void submit(runtime::Call& call);

  void set_duty(Duty duty);
  // Starts an instance, and calls go to `old` until it is ready or has failed to be.
  void take_over(std::shared_ptr<Pool> old);
  // Who runs its calls meanwhile, or null.
  Pool* stand_in() const { return stand_in_.get(); }
  bool is_standing_in() const { return standing_in_for_ > 0; }
  // Ends when calls go to its own instances.
  io::Event::Awaiter taken_over() { return taken_over_.wait(); }

  // Starts an instance unless there is one; false: one is ready, or none can be started.
  bool warm();
  // Ends when the instance that starts is ready or has failed to be.
  io::Event::Awaiter started(io::Deadline deadline) { return started_.wait(deadline); }

  // Keeps so many instances ready whatever else needs the room.
  void pin(std::uint32_t count);
  ProvisionedCounts provisioned() const;
  // Starts an instance for a call that is known to come, unless there is one; false: nothing was started. Nobody's
  // instance is ended for it, and it is the first to go when room is needed.
  bool prepare();
  // Called now and then: what could not be started is tried again.
  void take_care();

  // Ends one instance as soon as it has done its calls, so that `heir` may have the room.
  bool yield_to(const std::shared_ptr<Pool>& heir);  // false: it has none to give
  model::Bytes held() const;                         // by instances that stay
  model::Bytes one() const;                          // what one more would take
  // Ends everything at once and refuses what waits.
  void stop(const Error& why);
  // For the budget: ends the instance of this entry, whichever pool it is of.
  static void evict(Kept& kept);
  // For the freezer: freezes the instance of this member, whichever pool it is of. False: it ends, or the
  // helper is behind with its work.
  static bool freeze(Freezer::Member& member);

  Duty duty() const { return duty_; }
  bool is_empty() const { return places_.empty() && queue_.empty(); }
  std::uint32_t starting() const { return starting_; }
  std::uint32_t idle() const { return lineup_.idle_count(); }
  std::uint32_t busy() const { return busy_; }

 private:
  // One instance and how many calls it has.
  struct Place final : Lineup::Member, Kept, Freezer::Member, runtime::InstanceOwner {
    explicit Place(Pool& owner) : pool(owner) {}
    void instance_ready(runtime::AnyInstance&) override { pool.ready(*this); }
    void instance_finished(runtime::AnyInstance&, runtime::Call& call) override { pool.finished(*this, call); }
    void instance_logged(runtime::AnyInstance&, std::string lines) override { pool.logged(std::move(lines)); }

    Pool& pool;
    std::unique_ptr<runtime::AnyInstance> instance;
    std::size_t calls = 0;  // lent and not given back
    SteadyTime ready_at{};
    bool is_pinned = false;
    bool is_leaving = false;   // gets no more calls
    std::weak_ptr<Pool> heir;  // who may have its room then
  };

  void ready(Place& place);
  void finished(Place& place, runtime::Call& call);
  void logged(std::string lines);
  static io::Task<void> live(std::shared_ptr<Pool> pool, Place* place);
  void ended(Place& place, runtime::AnyInstance::End end);

  void pump();
  Place* choose();
  Lineup::Member* next_in_line() const;
  void lend(Place& place, runtime::Call& call);
  // Puts it where it belongs after its calls have changed.
  void line_up(Place& place);
  void end(Place& place);
  Demand demand() const;
  // Whose idle instances may go for one that starts.
  enum class Reach { None, Fair, All };
  bool start_one(Reach reach = Reach::All);  // false: there is no room for it
  static bool may_take(const Kept& victim, const Kept& asking, SteadyTime now);
  static bool may_take_none(const Kept& victim, const Kept& asking, SteadyTime now);
  bool make_room_and_start();  // false: not now
  std::optional<Error> too_long(const runtime::Call& call) const;
  void set_idle(Place& place);
  // Ends the idle instances that its duty does not keep.
  void trim();
  void stop_waiting_for_start();
  void settle_pins();
  void set_pinned(Place& place, bool is_pinned);
  void inherit();  // another pool left it room
  bool has_ready() const;
  bool leave(Place& place);  // true: it had been asked to, and has
  void answer_waiting(const runtime::AnyInstance::End& end);
  void refuse(runtime::Call& call, Error error);
  void complete(runtime::Call& call, model::Outcome outcome);
  void record(runtime::Call& call);
  void watch_queue();
  void look_at_queue();
  void learn_from_running(SteadyTime now);

  Parts parts_;
  catalog::VersionPointer version_;
  Figures::OfFunction cells_;
  std::shared_ptr<Admission::OfFunction> admitted_;
  std::vector<std::unique_ptr<Place>> places_;
  Lineup lineup_;
  std::deque<runtime::Call*> queue_;
  std::uint32_t starting_ = 0;
  std::uint32_t busy_ = 0;
  // Calls that an instance runs at a time: as the settings allow, until one has said what it does.
  std::size_t concurrency_;
  Duty duty_ = Duty::Serving;
  bool is_full_ = false;   // the last start found no room
  SteadyTime next_try_{};  // to start one, since there was no room
  std::uint32_t leaving_ = 0;
  std::shared_ptr<Pool> stand_in_;
  std::uint32_t standing_in_for_ = 0;
  io::Event taken_over_;
  io::Event started_;  // for whoever called warm()
  std::uint32_t pins_ = 0;
  std::string pin_failure_;       // why the last start of a pinned one failed
  bool pins_rest_ = false;        // until the next look
  std::optional<Error> stopped_;  // why nothing is run any more
  io::Timer queue_timer_;

  SteadyTime no_prefetch_until_{};
  MeanTime run_time_;    // of recent calls
  MeanTime start_time_;  // of recent starts
  model::Bytes memory_;  // of the instance that was looked at last; 0: of none yet
};

}  // namespace virga::dispatch
