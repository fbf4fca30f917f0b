#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"
#include "virga/catalog/catalog.h"
#include "virga/dispatch/invoker.h"
#include "virga/events/call.h"
#include "virga/events/targets.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::events {

// Asynchronous invocations. One that is accepted is on the disk, and is run at least once: at most 1 + its retries +
// once for each time that Virga was ended while it ran; never again once its success was recorded. It ends as succeeded
// or failed, which is recorded together with what is sent to its destinations, and stays known for a while. One loop.
//
// Semantics are AWS Lambda's (developer guide, "Asynchronous invocation"): two retries after one and two minutes,
// refusals for want of capacity tried again later without counting, six hours in all.
class AsyncCalls {
 public:
  // All of these outlive it.
  struct Parts {
    io::Loop& loop;
    store::LoopStore& store;
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    Random& random;
    metrics::Registry& metrics;
    const Targets& targets;
  };
  struct Options {
    std::uint64_t most_waiting = 10'000'000;  // calls; each takes some 60 bytes of memory
    std::uint64_t most_cached = 32ull << 20;  // bytes of calls that wait and need not be read again
    std::chrono::hours keep_succeeded{24};
    std::chrono::hours keep_failed{14 * 24};
  };

  AsyncCalls(Parts parts, Options options);
  ~AsyncCalls();
  AsyncCalls(const AsyncCalls&) = delete;
  AsyncCalls& operator=(const AsyncCalls&) = delete;

  // Begins to run calls, first of all those of before. What is accepted before this waits.
  void serve();
  // From here on nothing is accepted or begun, and a call that does not succeed any more waits for the next start: its
  // instance may be ended under it.
  void close();
  // After close() and the end of those who run calls; ends when all that came of them is written.
  io::Task<void> stop();

  // Ends when the call is on the disk, with its id: that of `call`, or, if there was a call of that function with the
  // same idempotency key, that one's. ResourceExhausted: too many wait, or the disk is full. Unavailable: Virga is
  // stopping, or the disk refuses writes.
  io::Task<Result<model::RequestId>> accept(AcceptedCall call);
  // For accepting together with other changes: adds the call to the batch. What is answered has to be called once the
  // batch is on the disk, and not if it failed. The call has no idempotency key.
  std::function<void()> add_to(store::Batch& batch, AcceptedCall call);

  // A call of this function is known to come within seconds (Invoker::prepare).
  void prepare(const model::FunctionName& function, std::string_view qualifier);

  struct Status {
    AcceptedCall call;
    History history;
  };
  // As the record says it, and Running while it runs; after its end, or at the deadline. NotFound: there is no such
  // call, or it is forgotten.
  io::Task<Result<Status>> status(model::RequestId id, io::Deadline deadline);
  // Tries a call that has failed once more, with all its retries. Conflict: it has not failed.
  io::Task<Result<>> redrive(model::RequestId id);
  // Calls of a function that have failed, oldest first, after `after` ("": from the first one).
  io::Task<Result<std::vector<model::RequestId>>> failed(model::FunctionName function, std::string after,
                                                         std::size_t limit);

 private:
  io::Task<Result<model::RequestId>> accept_first(AcceptedCall call, const std::string& key);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace virga::events
