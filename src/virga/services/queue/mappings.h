#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/dispatch/invoker.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/services/queue/mapping.h"
#include "virga/services/queue/queues.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::services::queue {

// Event source mappings of queues: takes batches of messages, hands them to functions, and deletes what went well. What
// failed is seen again when its visibility is over, and ends in the queue's dead letters if it fails too often. A batch
// that finds no capacity is held and tried again as long as nobody else can see its messages. One loop.
class Mappings {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    Queues& queues;
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    Random& random;
    metrics::Registry& metrics;
    std::string function_arn_prefix;  // "arn:aws:lambda:us-east-1:000000000000:function:"
  };

  // Reads what mappings there are, blocking; for the start, before the loop runs. `store` is the one below parts.store.
  static Result<std::unique_ptr<Mappings>> open(Parts parts, store::Store& store);
  ~Mappings();
  Mappings(const Mappings&) = delete;
  Mappings& operator=(const Mappings&) = delete;

  void serve();
  void close();           // no batch is begun from here on
  io::Task<void> stop();  // after close() and the end of those who run calls; the queues serve until it has ended

  // Gives it its id and time. Conflict: there is one from this queue to this function. InvalidArgument: a filter.
  io::Task<Result<Mapping>> create(Mapping mapping);
  // With the id of one there is. NotFound.
  io::Task<Result<Mapping>> change(Mapping mapping);
  io::Task<Result<Mapping>> remove(std::string id);
  Result<Mapping> find(std::string_view id) const;
  std::vector<Mapping> list() const;  // by id
  // For people: "OK", "PROBLEM: ..." or "No records processed".
  std::string last_result(std::string_view id) const;

 private:
  struct State;
  explicit Mappings(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace virga::services::queue
