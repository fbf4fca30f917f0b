#include "virga/server/event_services.h"

#include "virga/base/random.h"

namespace virga::server {
namespace {

// Threads that wait for the disk for objects: the more of them sync at once, the less a sync costs.
constexpr unsigned kObjectWorkers = 24;

}  // namespace

EventServices::EventServices(const Parts& parts) : object_workers_(kObjectWorkers) {
  auto& loop = parts.loop;
  auto& store = parts.loop_store;
  auto& random = system_random();
  auto& metrics = parts.metrics;
  const auto& place = parts.place;
  async_calls_.emplace(events::AsyncCalls::Parts{loop, store, parts.catalog, parts.invoker, random, metrics, targets_},
                       events::AsyncCalls::Options{});
  function_target_.emplace(events::FunctionTarget::Parts{parts.catalog, *async_calls_, loop.clock(), random});
  scheduler_.emplace(events::Scheduler::Parts{loop, store, metrics});
  bus_.emplace(events::Bus::Parts{loop, store, *scheduler_, targets_, random, metrics, place});
  bus_target_.emplace(*bus_);
  schedules_.emplace(events::Schedules::Parts{loop, store, *scheduler_, targets_, random, place});
  scheduler_->add_owner("rule/", *bus_);
  scheduler_->add_owner("schedule/", *schedules_);
  endpoints_.emplace(services::Endpoints::Parts{loop, store, targets_, random, metrics});
  topics_.emplace(services::Topics::Parts{loop, store, targets_, *endpoints_, random, metrics, place, parts.url});
}

Result<> EventServices::open_queues(const Parts& parts) {
  auto& loop = parts.loop;
  auto& random = system_random();
  auto place = parts.place.region + ":" + parts.place.account + ":";
  VIRGA_TRY_ASSIGN(
      queues_, services::queue::Queues::open({loop, parts.loop_store, random, parts.metrics, "arn:aws:sqs:" + place},
                                             {}, parts.store));
  queue_target_.emplace(*queues_);
  VIRGA_TRY_ASSIGN(mappings_,
                   services::queue::Mappings::open({loop, parts.loop_store, *queues_, parts.catalog, parts.invoker,
                                                    random, parts.metrics, "arn:aws:lambda:" + place + "function:"},
                                                   parts.store));
  return {};
}

Result<> EventServices::load(store::Store& store) {
  VIRGA_TRY(bus_->load(store));
  VIRGA_TRY(schedules_->load(store));
  VIRGA_TRY(scheduler_->load(store));
  VIRGA_TRY(endpoints_->load(store));
  return topics_->load(store);
}

Result<std::unique_ptr<EventServices>> EventServices::open(Parts parts) {
  std::unique_ptr<EventServices> made(new EventServices(parts));
  VIRGA_TRY(made->open_queues(parts));
  services::object::Objects::Services for_objects{parts.loop, parts.loop_store, made->object_workers_, system_random(),
                                                  parts.metrics};
  VIRGA_TRY_ASSIGN(made->objects_, services::object::Objects::create(for_objects, parts.data_directory + "/objects"));
  made->targets_.add(*made->function_target_);
  made->targets_.add(*made->bus_target_);
  made->targets_.add(*made->topics_);
  made->targets_.add(*made->queue_target_);
  VIRGA_TRY(made->load(parts.store));
  return made;
}

void EventServices::serve() {
  queues_->serve();
  async_calls_->serve();
  scheduler_->serve();
  endpoints_->serve();
  mappings_->serve();
  objects_->serve();
}

void EventServices::close() {
  scheduler_->close();
  endpoints_->close();
  mappings_->close();
  async_calls_->close();
  objects_->close();
}

io::Task<void> EventServices::end_sending() {
  co_await scheduler_->stop();
  co_await endpoints_->stop();
  co_await async_calls_->stop();
  co_await mappings_->stop();
  queues_->close();
}

io::Task<void> EventServices::stop() {
  co_await queues_->stop();
  co_await objects_->stop();
}

}  // namespace virga::server
