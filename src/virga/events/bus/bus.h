#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/events/bus/rule.h"
#include "virga/events/schedule/scheduler.h"
#include "virga/events/targets.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::events {

// Event buses: an event that is put on one goes to the targets of all of its rules that it matches. An event is
// acknowledged when all that it causes is on the disk, in one batch; what its targets cannot take goes to their dead
// letters or is logged and counted. Rules may have a schedule instead of a pattern, or both. One loop.
class Bus final : public ScheduleOwner {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    Scheduler& scheduler;
    const Targets& targets;
    Random& random;
    metrics::Registry& metrics;
    Place place;
  };
  explicit Bus(Parts parts);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Reads buses and rules of before. Blocks; before anything else, and before Scheduler::load().
  Result<> load(const store::Store& store);

  // ---- Events. Where an id is empty, one is made.
  struct Entry {
    std::string bus{kDefaultBus};
    BusEvent event;
  };
  // Ends when all of them are on the disk, with their ids, each for itself: NotFound: there is no such bus. An error of
  // the disk is that of all.
  io::Task<Result<std::vector<Result<std::string>>>> put(std::vector<Entry> entries);
  // The same as a part of a batch; what is answered has to be called once that is on the disk.
  Result<std::vector<std::function<void()>>> add_to(store::Batch& batch, const Entry& entry);
  // An event that is JSON already, as it comes from another bus.
  Result<std::vector<std::function<void()>>> add_to(store::Batch& batch, std::string_view bus, std::string_view event);

  // ---- Buses and rules. NotFound, AlreadyExists, Conflict (the bus has rules, the rule has targets), InvalidArgument.
  using RuleMap = std::map<std::string, std::shared_ptr<const BusRule>>;
  struct Line {
    BusInfo info;
    RuleMap rules;
  };
  const std::map<std::string, Line>& lines() const { return lines_; }
  std::shared_ptr<const BusRule> find_rule(std::string_view bus, std::string_view name) const;  // null: there is none
  io::Task<Result<>> create_bus(BusInfo info);
  io::Task<Result<>> change_bus(std::string name, std::function<void(BusInfo&)> change);
  io::Task<Result<>> delete_bus(std::string name);
  // Creates the rule, or changes it; then its targets and tags stay.
  io::Task<Result<>> put_rule(BusRule rule);
  io::Task<Result<>> change_rule(std::string bus, std::string name, std::function<void(BusRule&)> change);
  io::Task<Result<>> delete_rule(std::string bus, std::string name);

  const Place& place() const { return parts_.place; }
  Handled fire(const Fire& fire, store::Batch& batch) override;
  void coming(const std::string& id, const std::string& payload) override;

 private:
  std::vector<std::function<void()>> send(store::Batch& batch, const BusRule& rule, const json::Value& event,
                                          std::chrono::seconds age = {});
  io::Task<Result<>> write_rule(BusRule rule);
  io::Task<void> take_turn();
  void give_turn();

  Parts parts_;
  std::map<std::string, Line> lines_;
  int depth_ = 0;  // of buses that send to buses
  // Changes happen one after the other.
  bool is_changing_ = false;
  io::Event turn_free_;
  metrics::Counter& events_;
  metrics::Counter& matched_;
  metrics::Counter& undeliverable_;
};

}  // namespace virga::events
