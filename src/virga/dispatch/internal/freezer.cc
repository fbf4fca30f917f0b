#include "virga/dispatch/internal/freezer.h"

#include <algorithm>
#include <utility>

namespace virga::dispatch {
namespace {

constexpr int kMostAtOnce = 16;
constexpr std::chrono::milliseconds kPause{5};  // between two such

}  // namespace

Freezer::Freezer(io::Loop& loop, Options options, bool (*freeze)(Member&))
    : loop_(loop), options_(options), freeze_(freeze), timer_(loop) {}

void Freezer::set_idle(Member& member) {
  if (options_.quiet.count() == 0) return;
  set_busy(member);
  member.since = loop_.now();
  member.is_waiting = true;
  member.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &member;
  newest_ = &member;
  if (!timer_.running()) timer_.start(io::Deadline::at(member.since + options_.quiet), [this] { freeze_quiet(); });
}

void Freezer::set_busy(Member& member) {
  if (member.is_waiting) unlink(member);
  if (std::exchange(member.is_frozen, false)) --frozen_;
}

void Freezer::unlink(Member& member) {
  (member.older != nullptr ? member.older->newer : oldest_) = member.newer;
  (member.newer != nullptr ? member.newer->older : newest_) = member.older;
  member.older = member.newer = nullptr;
  member.is_waiting = false;
}

void Freezer::freeze_quiet() {
  auto quiet_since = loop_.now() - options_.quiet;
  for (int i = 0; i < kMostAtOnce && oldest_ != nullptr && oldest_->since <= quiet_since; ++i) {
    auto& member = *oldest_;
    unlink(member);
    if (!freeze_(member)) {
      set_idle(member);
      continue;
    }
    member.is_frozen = true;
    ++frozen_;
    ++freezes_;
  }
  if (oldest_ == nullptr) return;
  auto due = std::max(oldest_->since + options_.quiet, loop_.now() + kPause);
  timer_.start(io::Deadline::at(due), [this] { freeze_quiet(); });
}

}  // namespace virga::dispatch
