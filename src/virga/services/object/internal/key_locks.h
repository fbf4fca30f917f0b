#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"

namespace virga::services::object::internal {

// One at a time for each name; those who wait come in the order in which they asked. One loop; nobody may hold or wait
// when it is destroyed.
class KeyLocks {
 public:
  explicit KeyLocks(io::Loop& loop) : loop_(loop) {}
  KeyLocks(const KeyLocks&) = delete;
  KeyLocks& operator=(const KeyLocks&) = delete;

  class [[nodiscard]] Held {
   public:
    Held(KeyLocks& locks, std::string name) : locks_(&locks), name_(std::move(name)) {}
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), name_(std::move(other.name_)) {}
    Held& operator=(Held&& other) noexcept {
      std::swap(locks_, other.locks_);
      std::swap(name_, other.name_);
      return *this;
    }
    ~Held() { release(); }
    void release();

   private:
    KeyLocks* locks_;
    std::string name_;
  };

  io::Task<Held> take(std::string name);
  bool is_free() const { return waiting_.empty(); }

 private:
  io::Loop& loop_;
  std::unordered_map<std::string, std::deque<io::Event*>> waiting_;  // of each name that is held
};

}  // namespace virga::services::object::internal
