#include "bench/load/results.h"

#include <fmt/format.h>

#include <algorithm>

namespace virga::load {
namespace {

using Seconds = std::chrono::duration<double>;

double milliseconds(std::uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e6;
}

std::string statuses_json(const Results& results) {
  std::string text;
  for (std::size_t status = 0; status < Results::kStatuses; ++status) {
    if (results.statuses[status] == 0) continue;
    text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", status, results.statuses[status]);
  }
  return "{" + text + "}";
}

std::string histogram_json(const Histogram& histogram) {
  return fmt::format(
      "{{\"p50\":{:.4f},\"p90\":{:.4f},\"p99\":{:.4f},\"p99_9\":{:.4f},\"min\":{:.4f},\"max\":{:.4f},\"mean\":{:.4f}}}",
      milliseconds(histogram.quantile(0.5)), milliseconds(histogram.quantile(0.9)),
      milliseconds(histogram.quantile(0.99)), milliseconds(histogram.quantile(0.999)), milliseconds(histogram.min()),
      milliseconds(histogram.max()), histogram.mean() / 1e6);
}

}  // namespace

void Results::merge(const Results& other) {
  scheduled += other.scheduled;
  succeeded += other.succeeded;
  refused += other.refused;
  broken += other.broken;
  timed_out += other.timed_out;
  malformed += other.malformed;
  unsent += other.unsent;
  for (std::size_t status = 0; status < kStatuses; ++status) statuses[status] += other.statuses[status];
  connect_failures += other.connect_failures;
  reconnects += other.reconnects;
  waited += other.waited;
  longest_queue += other.longest_queue;
  ramp_requests += other.ramp_requests;
  ramp_failures += other.ramp_failures;
  latency.merge(other.latency);
  lag.merge(other.lag);
  elapsed = std::max(elapsed, other.elapsed);
  cpu += other.cpu;
}

double Results::success_ratio() const {
  return scheduled == 0 ? 0 : static_cast<double>(succeeded) / static_cast<double>(scheduled);
}

double Results::rate() const {
  return elapsed.count() == 0 ? 0 : static_cast<double>(succeeded) / Seconds(elapsed).count();
}

double Results::cpu_us_per_request() const {
  std::uint64_t requests = scheduled + ramp_requests;
  return requests == 0 ? 0 : static_cast<double>(cpu.count()) / 1e3 / static_cast<double>(requests);
}

std::string as_text(const Results& results) {
  std::string text = fmt::format("{} requests, {} succeeded ({:.4f} %), {:.0f} a second\n", results.scheduled,
                                 results.succeeded, results.success_ratio() * 100, results.rate());
  auto line = [&](std::string_view name, const Histogram& of) {
    text += fmt::format("{:8} p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}  mean {:.3f} ms\n", name,
                        milliseconds(of.quantile(0.5)), milliseconds(of.quantile(0.9)), milliseconds(of.quantile(0.99)),
                        milliseconds(of.quantile(0.999)), milliseconds(of.max()), of.mean() / 1e6);
  };
  line("latency", results.latency);
  line("lag", results.lag);
  if (results.succeeded != results.scheduled) {
    text += fmt::format("failed   {} refused {}, {} broken, {} timed out, {} malformed, {} unsent\n", results.refused,
                        statuses_json(results), results.broken, results.timed_out, results.malformed, results.unsent);
  }
  if (results.waited > 0) {
    text += fmt::format("queue    {} waited for a connection, {} at once\n", results.waited, results.longest_queue);
  }
  if (results.reconnects + results.connect_failures > 0) {
    text += fmt::format("sockets  {} made anew, {} refused\n", results.reconnects, results.connect_failures);
  }
  if (results.ramp_requests > 0) {
    text += fmt::format("ramp     {} requests, {} failed\n", results.ramp_requests, results.ramp_failures);
  }
  text += fmt::format("cost     {:.2f} CPU µs a request\n", results.cpu_us_per_request());
  return text;
}

std::string as_json(const Results& results) {
  return fmt::format(
      "{{\"scheduled\":{},\"succeeded\":{},\"success_ratio\":{:.6f},\"rate\":{:.1f},\"seconds\":{:.3f},\"latency_ms\":{"
      "},"
      "\"lag_ms\":{},\"statuses\":{},\"refused\":{},\"broken\":{},\"timed_out\":{},\"malformed\":{},\"unsent\":{},"
      "\"connect_failures\":{},\"reconnects\":{},\"waited\":{},\"longest_queue\":{},\"ramp_requests\":{},\"ramp_"
      "failures\":{},"
      "\"cpu_us_per_request\":{:.3f}}}",
      results.scheduled, results.succeeded, results.success_ratio(), results.rate(), Seconds(results.elapsed).count(),
      histogram_json(results.latency), histogram_json(results.lag), statuses_json(results), results.refused,
      results.broken, results.timed_out, results.malformed, results.unsent, results.connect_failures,
      results.reconnects, results.waited, results.longest_queue, results.ramp_requests, results.ramp_failures,
      results.cpu_us_per_request());
}

}  // namespace virga::load
