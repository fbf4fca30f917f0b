#pragma once

#include <memory>
#include <optional>
#include <string>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/dispatch/invoker.h"
#include "virga/events/async_calls.h"
#include "virga/events/bus/bus.h"
#include "virga/events/schedule/schedules.h"
#include "virga/events/targets/bus.h"
#include "virga/events/targets/function.h"
#include "virga/io/workers.h"
#include "virga/services/object/objects.h"
#include "virga/services/queue/mappings.h"
#include "virga/services/queue/queues.h"
#include "virga/services/queue/target.h"
#include "virga/services/topic/topics.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::server {

// Where events come from, wait and go to, put together: asynchronous calls, buses, schedules, topics, queues, objects.
// One loop; what it is given outlives it.
class EventServices {
 public:
  struct Parts {
    io::Loop& loop;
    store::Store& store;  // read once, before anything is served
    store::LoopStore& loop_store;
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    metrics::Registry& metrics;
    events::Place place;
    std::string url;  // of this server, for links in messages
    std::string data_directory;
  };
  // Reads what was kept. Sends and runs nothing before serve().
  static Result<std::unique_ptr<EventServices>> open(Parts parts);

  const events::Targets& targets() const { return targets_; }
  events::AsyncCalls& async_calls() { return *async_calls_; }
  events::Scheduler& scheduler() { return *scheduler_; }
  events::Bus& bus() { return *bus_; }
  events::Schedules& schedules() { return *schedules_; }
  services::Topics& topics() { return *topics_; }
  services::queue::Queues& queues() { return *queues_; }
  services::queue::Mappings& mappings() { return *mappings_; }
  services::object::Objects& objects() { return *objects_; }

  void serve();

  // The end has three steps: close() begins nothing new; end_sending() follows when no function runs any more, and lets
  // go the clients that wait for messages; stop() follows when no client is connected.
  void close();
  io::Task<void> end_sending();
  io::Task<void> stop();

 private:
  explicit EventServices(const Parts& parts);
  Result<> open_queues(const Parts& parts);
  Result<> load(store::Store& store);

  events::Targets targets_;
  std::optional<events::AsyncCalls> async_calls_;
  std::optional<events::FunctionTarget> function_target_;
  std::optional<events::Scheduler> scheduler_;
  std::optional<events::Bus> bus_;
  std::optional<events::BusTarget> bus_target_;
  std::optional<events::Schedules> schedules_;
  std::optional<services::Endpoints> endpoints_;
  std::optional<services::Topics> topics_;
  std::unique_ptr<services::queue::Queues> queues_;
  std::optional<services::queue::QueueTarget> queue_target_;
  std::unique_ptr<services::queue::Mappings> mappings_;
  io::Workers object_workers_;
  std::unique_ptr<services::object::Objects> objects_;
};

}  // namespace virga::server
