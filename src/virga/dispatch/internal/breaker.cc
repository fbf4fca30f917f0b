#include "virga/dispatch/internal/breaker.h"

#include <algorithm>

namespace virga::dispatch {

Breaker::Verdict Breaker::ask(SteadyTime now) {
  if (state_ == State::Closed) return Verdict::Run;
  if (state_ == State::Open) {
    if (now < until_) return Verdict::Refuse;
    state_ = State::HalfOpen;
    trials_ = 0;
    trial_runs_ = false;
  }
  if (trial_runs_) return Verdict::Refuse;
  trial_runs_ = true;
  return Verdict::Trial;
}

bool Breaker::record(Verdict verdict, Ended ended, double threshold, SteadyTime now) {
  if (verdict == Verdict::Trial) {
    if (state_ != State::HalfOpen) return false;
    trial_runs_ = false;
    if (ended == Ended::NotRun) return false;
    if (ended == Ended::Failed) {
      open(now, std::min<std::chrono::nanoseconds>(pause_ * 2, kLongestPause));
      return true;
    }
    if (++trials_ < kTrials) return false;
    state_ = State::Closed;
    windows_ = {};
    return false;
  }
  // Calls that began before it opened say nothing of how it is now.
  if (state_ != State::Closed || ended == Ended::NotRun) return false;
  auto number = now.time_since_epoch() / kWindow;
  auto& window = windows_[static_cast<std::size_t>(number) % windows_.size()];
  if (window.number != number) window = {number, 0, 0};
  ++window.ended;
  if (ended == Ended::Failed) ++window.failed;
  if (ended != Ended::Failed || !is_over(threshold, number)) return false;
  open(now, kFirstPause);
  return true;
}

bool Breaker::is_over(double threshold, std::int64_t number) {
  std::uint32_t ended = 0;
  std::uint32_t failed = 0;
  for (const auto& window : windows_) {
    if (window.number <= number - static_cast<std::int64_t>(windows_.size())) continue;
    ended += window.ended;
    failed += window.failed;
  }
  if (ended < kMinimumCalls || failed < threshold * ended) return false;
  ended_ = ended;
  failed_ = failed;
  return true;
}

void Breaker::open(SteadyTime now, std::chrono::nanoseconds pause) {
  state_ = State::Open;
  pause_ = pause;
  until_ = now + std::chrono::duration_cast<SteadyTime::duration>(pause);
}

std::chrono::nanoseconds Breaker::wait(SteadyTime now) const {
  return state_ == State::Open && now < until_ ? std::chrono::nanoseconds(until_ - now) : std::chrono::nanoseconds(0);
}

}  // namespace virga::dispatch
