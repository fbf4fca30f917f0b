#include "virga/dispatch/internal/scaling.h"

#include <algorithm>

namespace virga::dispatch {
namespace {

// What may lie in an instance's socket: one that hangs must not hold many others.
constexpr double kPrefetchMicroseconds = 500;
// To wake a process costs more than calls as short as this: they go along with one that is busy.
constexpr double kBurstMicroseconds = 60;
constexpr std::chrono::milliseconds kColdRun{20};

std::size_t depth_within(double microseconds, const MeanTime& run_time) {
  if (!run_time.is_known()) return 0;
  return std::min(static_cast<std::size_t>(microseconds / run_time.microseconds()), Lineup::kMaxDepth);
}

}  // namespace

void MeanTime::add(std::chrono::microseconds time) {
  // A call that took no measurable time was seen nevertheless.
  auto value = std::max(1.0, static_cast<double>(time.count()));
  microseconds_ = is_known() ? microseconds_ + (value - microseconds_) / 16 : value;
}

bool wants_another(const Demand& demand) {
  if (demand.starting >= kMaxStarting || demand.starting * demand.concurrency >= demand.queued) return false;
  if (demand.instances == demand.starting) return true;
  if (!demand.run_time.is_known()) return false;  // the first call still runs: its age will tell
  // The first call of the queue may be younger than the round of the loop.
  if (demand.patience.count() > 0 && demand.oldest_wait < demand.patience) return false;
  // The last one in the queue waits this long without another instance.
  auto wait = static_cast<double>(demand.queued) * demand.run_time.microseconds() /
              static_cast<double>(demand.instances * demand.concurrency);
  return wait > demand.start_time.microseconds();
}

std::chrono::microseconds expected_wait(const Demand& demand) {
  if (demand.instances == 0) return {};
  auto wait = static_cast<double>(demand.queued + 1) * demand.run_time.microseconds() /
              static_cast<double>(demand.instances * demand.concurrency);
  return std::chrono::microseconds(static_cast<std::int64_t>(std::min(wait, 1e15)));
}

bool should_yield(model::Bytes held, model::Bytes one_of_held, model::Bytes others, model::Bytes one_of_others) {
  return held.count >= others.count + one_of_others.count + one_of_held.count;
}

std::size_t prefetch_depth(const MeanTime& run_time) {
  return depth_within(kPrefetchMicroseconds, run_time);
}

std::size_t burst_depth(const MeanTime& run_time) {
  return depth_within(kBurstMicroseconds, run_time);
}

std::size_t lineup_depth(std::size_t calls, std::size_t concurrency) {
  if (calls == 0 || concurrency <= Lineup::kMaxDepth) return calls;
  return 1 + (calls - 1) * (Lineup::kMaxDepth - 1) / (concurrency - 1);
}

bool is_telling(std::chrono::microseconds first_run) {
  return first_run > kColdRun;
}

}  // namespace virga::dispatch
