#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "virga/catalog/entries.h"
#include "virga/dispatch/figures.h"
#include "virga/io/loop.h"
#include "virga/io/task_group.h"
#include "virga/ledger/logs.h"
#include "virga/runtime/instance.h"

namespace virga::dispatch {

// Asked by pools before they start an instance: the machine is shared by all of them.
class InstanceBudget {
 public:
  virtual ~InstanceBudget() = default;
  // Takes one place, ending an idle instance of another pool if need be. False: none is to be had now.
  virtual bool take_place() = 0;
  virtual void give_place_back() = 0;
};

// The instances of one version and the calls that wait for them. One loop. Shared with the lives of its instances,
// which may outlast its place in the dispatcher.
class Pool final : public runtime::InstanceOwner, public std::enable_shared_from_this<Pool> {
 public:
  // Outlives the pool.
  struct Parts {
    io::Loop& loop;
    runtime::Sandboxes& sandboxes;
    InstanceBudget& budget;
    ledger::Logs& logs;
    Figures& figures;
    io::TaskGroup& lives;  // of instances
    std::chrono::milliseconds max_queue_wait;
  };

  Pool(Parts parts, catalog::VersionPointer version, std::function<runtime::InstancePlan()> plan);

  const model::Version& version() const { return *version_; }
  const Figures::OfFunction& cells() const { return cells_; }

  // `call.done` is set when it has run or was refused.
  void submit(runtime::Call& call);

  // No more calls will come: idle instances end now, the others when they are done.
  void retire();
  // Ends everything at once and refuses what waits.
  void stop(const Error& why);
  void end_idle(SteadyTime idle_before);
  // The instance that is idle for longest, or null.
  runtime::Instance* longest_idle() const;

  bool is_empty() const { return instances_.empty() && queue_.empty(); }
  std::uint32_t starting() const { return starting_; }
  std::uint32_t idle() const;
  std::uint32_t busy() const;

 private:
  void instance_ready(runtime::Instance& instance) override;
  void instance_finished(runtime::Instance& instance, runtime::Call& call) override;
  void instance_logged(runtime::Instance& instance, std::string lines) override;

  static io::Task<void> live(std::shared_ptr<Pool> pool, runtime::Instance* instance);
  void instance_ended(runtime::Instance* instance, runtime::Instance::End end);
  void pump();
  runtime::Instance* choose() const;
  bool wants_more() const;
  void start_one();
  void refuse(runtime::Call& call, Error error);
  void complete(runtime::Call& call, model::Outcome outcome);
  void record(runtime::Call& call);
  void watch_queue();
  void learn_from_running(SteadyTime now);

  Parts parts_;
  catalog::VersionPointer version_;
  std::function<runtime::InstancePlan()> plan_;
  Figures::OfFunction cells_;
  std::vector<std::unique_ptr<runtime::Instance>> instances_;
  std::deque<runtime::Call*> queue_;
  std::uint32_t starting_ = 0;
  bool retired_ = false;
  io::Timer queue_timer_;

  SteadyTime no_prefetch_until_{};

  // Running means in microseconds, of recent calls and starts. 0: none was seen.
  double run_time_ = 0;
  double start_time_ = 0;
};

}  // namespace virga::dispatch
