#pragma once

#include <array>
#include <memory>

#include "virga/model/invocation.h"
#include "virga/model/names.h"
#include "virga/telemetry/metrics.h"

namespace virga::dispatch {

// What the dispatcher counts, as /metrics shows it.
class Figures {
 public:
  explicit Figures(metrics::Registry& registry);

  // The cells of one function, looked up once.
  struct OfFunction {
    std::shared_ptr<metrics::Counter> invocations;
    std::shared_ptr<metrics::Counter> throttles;
    std::shared_ptr<metrics::Counter> breaker_opened;
    std::shared_ptr<metrics::Counter> breaker_refused;
    std::shared_ptr<metrics::Counter> fallbacks;
  };
  OfFunction of(const model::FunctionName& function);
  void forget(const model::FunctionName& function);

  void count(const OfFunction& cells, const model::FunctionName& function, const model::Outcome& outcome);
  void count_prepared() { prepared_.add(); }
  void count_retry() { requeued_.add(); }

  // A call that was refused at once because of how long it would have waited.
  enum class Shed {
    Event,  // an Event invocation, which is tried again later
    Wait,   // one that would have waited longer than the queue's bound
  };
  void count(Shed shed) { shed_[static_cast<std::size_t>(shed)]->add(); }

  // Why an idle instance was ended.
  enum class Eviction {
    Room,    // another one was to be started
    Growth,  // the instances had grown beyond the memory budget
    Idle,    // it had nothing to do for long
    Share,   // another function has fewer, and there was no room
  };
  void count(Eviction eviction) { evictions_[static_cast<std::size_t>(eviction)]->add(); }

 private:
  metrics::Family<metrics::Counter>& invocations_;
  metrics::Family<metrics::Counter>& errors_;
  metrics::Family<metrics::Counter>& throttles_;
  metrics::Family<metrics::Counter>& breaker_opened_;
  metrics::Family<metrics::Counter>& breaker_refused_;
  metrics::Family<metrics::Counter>& fallbacks_;
  metrics::Counter& requeued_;
  metrics::Counter& cold_starts_;
  metrics::Counter& prepared_;
  std::array<std::shared_ptr<metrics::Counter>, 4> evictions_;  // by Eviction
  std::array<std::shared_ptr<metrics::Counter>, 2> shed_;       // by Shed
  std::shared_ptr<metrics::Histogram> queue_;
  std::shared_ptr<metrics::Histogram> start_;
  std::shared_ptr<metrics::Histogram> attach_;
  std::shared_ptr<metrics::Histogram> init_;
  std::shared_ptr<metrics::Histogram> run_;
};

}  // namespace virga::dispatch
