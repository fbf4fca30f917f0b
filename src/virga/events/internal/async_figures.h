#pragma once

#include "virga/events/call.h"
#include "virga/telemetry/metrics.h"

namespace virga::events::internal {

// What is counted of asynchronous calls for /metrics.
struct AsyncFigures {
  explicit AsyncFigures(metrics::Registry& registry)
      : accepted(registry.counter("virga_async_accepted_total", "Asynchronous calls that were acknowledged.")),
        repeats(registry.counter("virga_async_repeats_total",
                                 "Asynchronous calls that repeated an idempotency key and were not run again.")),
        refused(registry.counter("virga_async_refusals_total",
                                 "Times an asynchronous call found no capacity and went back to wait.")),
        lost_targets(registry.counter("virga_async_undeliverable_total",
                                      "Records that a destination or dead-letter target could not take.")),
        attempts(registry.counters("virga_async_attempts_total", "Attempts of asynchronous calls, by how they ended.",
                                   {"outcome"})),
        ended(registry.counters("virga_async_ended_total",
                                "Asynchronous calls that ended for good, by Lambda's condition.", {"condition"})),
        wait(registry.histogram("virga_async_wait_seconds",
                                "From the acknowledgement of an asynchronous call until it was first handed on.",
                                metrics::Unit::Seconds, metrics::duration_bounds())) {
    for (auto condition :
         {Condition::Success, Condition::RetriesExhausted, Condition::EventAgeExceeded, Condition::FunctionGone}) {
      by_condition[static_cast<std::size_t>(condition)] = ended.with({name(condition)});
    }
  }

  metrics::Counter& accepted;
  metrics::Counter& repeats;
  metrics::Counter& refused;
  metrics::Counter& lost_targets;
  metrics::Family<metrics::Counter>& attempts;
  metrics::Family<metrics::Counter>& ended;
  metrics::Histogram& wait;
  std::shared_ptr<metrics::Counter> good = attempts.with({"success"});
  std::shared_ptr<metrics::Counter> bad = attempts.with({"error"});
  std::array<std::shared_ptr<metrics::Counter>, 5> by_condition;
};

}  // namespace virga::events::internal
