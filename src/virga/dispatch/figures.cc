#include "virga/dispatch/figures.h"

namespace virga::dispatch {
namespace {

constexpr std::string_view kind_of(model::Fault fault) {
  switch (fault) {
    case model::Fault::None:
      return "none";
    case model::Fault::Reported:
      return "function";
    case model::Fault::TimedOut:
      return "timeout";
    case model::Fault::Exited:
      return "exit";
    case model::Fault::OutOfMemory:
      return "out_of_memory";
    case model::Fault::InitFailed:
      return "init";
    case model::Fault::ResponseTooLarge:
      return "response_too_large";
  }
  return "unknown";
}

}  // namespace

Figures::Figures(metrics::Registry& registry)
    : invocations_(registry.counters("virga_invocations_total", "Invocations that were run, whatever their outcome.",
                                     {"function"})),
      errors_(registry.counters("virga_invocation_errors_total",
                                "Invocations that did not succeed, by what went wrong.", {"function", "kind"})),
      throttles_(registry.counters("virga_throttles_total", "Invocations refused at a concurrency or rate limit.",
                                   {"function"})),
      breaker_opened_(registry.counters("virga_breaker_opened_total",
                                        "How often a function's circuit breaker opened, trials that failed included.",
                                        {"function"})),
      breaker_refused_(registry.counters("virga_breaker_refused_total",
                                         "Invocations that an open circuit breaker did not let run.", {"function"})),
      fallbacks_(registry.counters("virga_breaker_fallbacks_total",
                                   "Those of them that the function's fallback answered.", {"function"})),
      requeued_(registry.counter("virga_requeued_total",
                                 "Invocations given to another instance because theirs ended before it began them.")),
      cold_starts_(
          registry.counter("virga_cold_starts_total", "Invocations that waited for an instance's first start.")),
      prepared_(registry.counter("virga_instances_prepared_total",
                                 "Instances that were started for a call that was known to come.")) {
  auto& evictions = registry.counters("virga_instance_evictions_total",
                                      "Idle instances that were ended: to make room for another one, because "
                                      "instances had grown beyond the memory budget, idle for too long, or given up "
                                      "to a function with fewer.",
                                      {"reason"});
  evictions_ = {evictions.with({"room"}), evictions.with({"growth"}), evictions.with({"idle"}),
                evictions.with({"share"})};
  auto& shed = registry.counters("virga_shed_total",
                                 "Invocations refused at once because of how long they would have waited: Event "
                                 "invocations, which are tried again, and those beyond the queue's bound.",
                                 {"reason"});
  shed_ = {shed.with({"event"}), shed.with({"wait"})};
  auto& phases = registry.histograms("virga_invocation_phase_seconds", "Time of invocations by phase.", {"phase"},
                                     metrics::Unit::Seconds, metrics::duration_bounds());
  queue_ = phases.with({"queue"});
  start_ = phases.with({"start"});
  attach_ = phases.with({"attach"});
  init_ = phases.with({"init"});
  run_ = phases.with({"run"});
}

Figures::OfFunction Figures::of(const model::FunctionName& function) {
  return {invocations_.with({function.text()}), throttles_.with({function.text()}),
          breaker_opened_.with({function.text()}), breaker_refused_.with({function.text()}),
          fallbacks_.with({function.text()})};
}

void Figures::forget(const model::FunctionName& function) {
  invocations_.remove({function.text()});
  throttles_.remove({function.text()});
  breaker_opened_.remove({function.text()});
  breaker_refused_.remove({function.text()});
  fallbacks_.remove({function.text()});
  for (auto fault : {model::Fault::Reported, model::Fault::TimedOut, model::Fault::Exited, model::Fault::OutOfMemory,
                     model::Fault::InitFailed, model::Fault::ResponseTooLarge}) {
    errors_.remove({function.text(), kind_of(fault)});
  }
}

void Figures::count(const OfFunction& cells, const model::FunctionName& function, const model::Outcome& outcome) {
  cells.invocations->add();
  queue_->observe(outcome.phases.queue);
  run_->observe(outcome.phases.run);
  if (outcome.is_cold()) {
    cold_starts_.add();
    if (outcome.start_kind == model::StartKind::Stem) {
      attach_->observe(outcome.phases.attach);
    } else {
      start_->observe(outcome.phases.start);
    }
    init_->observe(outcome.phases.boot + outcome.phases.init);
  }
  if (outcome.fault != model::Fault::None) errors_.with({function.text(), kind_of(outcome.fault)})->add();
}

}  // namespace virga::dispatch
