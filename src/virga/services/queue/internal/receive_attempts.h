#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/services/queue/message.h"

namespace virga::services::queue::internal {

// What was handed out to receivers that named their attempt, so that one that lost the answer gets it again: Amazon
// SQS, ReceiveMessage, ReceiveRequestAttemptId. Of queues with groups. No I/O and no clock of its own; not on the disk,
// as a receiver that comes after a restart finds its messages hidden until their time. One thread.
class ReceiveAttempts {
 public:
  static constexpr std::chrono::minutes kKept{5};

  // One message, with the receipt it went out with, and until when it was hidden.
  struct Given {
    Number number = 0;
    std::uint64_t nonce = 0;
    SteadyTime due{};
  };

  // Null: none of that name, or too long ago.
  const std::vector<Given>* find(const std::string& attempt, SteadyTime now) const {
    auto place = attempts_.find(attempt);
    return place == attempts_.end() || place->second.expires <= now ? nullptr : &place->second.given;
  }
  // A repeat stays as old as the first.
  void put(const std::string& attempt, std::vector<Given> given, SteadyTime now) {
    forget(now);
    auto [place, is_new] = attempts_.try_emplace(attempt);
    place->second.given = std::move(given);
    if (!is_new) return;
    place->second.expires = now + kKept;
    order_.emplace_back(place->second.expires, attempt);
  }
  std::size_t size() const { return attempts_.size(); }

 private:
  struct Attempt {
    std::vector<Given> given;
    SteadyTime expires{};
  };
  void forget(SteadyTime now) {
    while (!order_.empty() && order_.front().first <= now) {
      attempts_.erase(order_.front().second);
      order_.pop_front();
    }
  }

  std::unordered_map<std::string, Attempt> attempts_;
  std::deque<std::pair<SteadyTime, std::string>> order_;  // by when they expire
};

}  // namespace virga::services::queue::internal
