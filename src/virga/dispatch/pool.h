#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "virga/catalog/entries.h"
#include "virga/dispatch/figures.h"
#include "virga/dispatch/instance_maker.h"
#include "virga/dispatch/internal/admission.h"
#include "virga/dispatch/internal/lineup.h"
#include "virga/dispatch/internal/memory_budget.h"
#include "virga/dispatch/internal/scaling.h"
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
    ledger::Logs& logs;
    Figures& figures;
    io::TaskGroup& lives;  // of instances
    std::chrono::milliseconds max_queue_wait;
  };

  Pool(Parts parts, catalog::VersionPointer version, std::shared_ptr<Admission::OfFunction> admitted);

  const model::Version& version() const { return *version_; }
  const Figures::OfFunction& cells() const { return cells_; }
  Admission::OfFunction& admitted() const { return *admitted_; }

  // `call.done` is set when it has run or was refused.
  void submit(runtime::Call& call);

  // Its version was replaced: idle instances end now, the others when they are done. Calls that still come are run.
  void retire();
  // Ends everything at once and refuses what waits.
  void stop(const Error& why);
  // For the budget: ends the instance of this entry, whichever pool it is of.
  static void evict(Kept& kept);

  bool is_retired() const { return retired_; }
  bool is_empty() const { return places_.empty() && queue_.empty(); }
  std::uint32_t starting() const { return starting_; }
  std::uint32_t idle() const { return lineup_.idle_count(); }
  std::uint32_t busy() const { return busy_; }

 private:
  // One instance and how many calls it has.
  struct Place final : Lineup::Member, Kept, runtime::InstanceOwner {
    explicit Place(Pool& owner) : pool(owner) {}
    void instance_ready(runtime::AnyInstance&) override { pool.ready(*this); }
    void instance_finished(runtime::AnyInstance&, runtime::Call& call) override { pool.finished(*this, call); }
    void instance_logged(runtime::AnyInstance&, std::string lines) override { pool.logged(std::move(lines)); }

    Pool& pool;
    std::unique_ptr<runtime::AnyInstance> instance;
    std::size_t calls = 0;  // lent and not given back
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
  bool start_one();  // false: there is no room for it
  void end_idle();
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
  bool retired_ = false;
  std::optional<Error> stopped_;  // why nothing is run any more
  io::Timer queue_timer_;

  SteadyTime no_prefetch_until_{};
  MeanTime run_time_;    // of recent calls
  MeanTime start_time_;  // of recent starts
  model::Bytes memory_;  // of the instance that was looked at last; 0: of none yet
};

}  // namespace virga::dispatch
