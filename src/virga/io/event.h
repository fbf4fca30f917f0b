#pragma once

#include <coroutine>
#include <optional>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"

namespace virga::io {

// A flag that coroutines wait for. Waiters resume later in the round, never inside set(). One loop; nobody may be
// waiting when it is destroyed.
class Event {
 public:
  class [[nodiscard]] Awaiter : internal::TimerNode {
   public:
    bool await_ready() const { return event_.set_; }
    void await_suspend(std::coroutine_handle<> handle);
    Result<> await_resume();  // DeadlineExceeded

   private:
    friend class Event;
    Awaiter(Event& event, Deadline deadline) : event_(event), deadline_(deadline) {}
    Event& event_;
    Deadline deadline_;
    Awaiter* next_ = nullptr;
    bool late_ = false;
    std::coroutine_handle<> handle_;
  };

  explicit Event(Loop& loop) : loop_(loop) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void set();
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  Awaiter wait(Deadline deadline = Deadline::never()) { return Awaiter(*this, deadline); }

 private:
  Loop& loop_;
  bool set_ = false;
  Awaiter* first_ = nullptr;
};

// A value that one side delivers once and one coroutine waits for. One loop.
template <typename T>
class OneShot {
 public:
  explicit OneShot(Loop& loop) : event_(loop) {}

  void deliver(T value) {
    if (event_.is_set()) return;
    value_.emplace(std::move(value));
    event_.set();
  }
  bool is_delivered() const { return event_.is_set(); }
  // DeadlineExceeded when nothing came in time; it may then be waited for again.
  Task<Result<T>> wait(Deadline deadline = Deadline::never()) {
    auto waited = co_await event_.wait(deadline);
    if (!waited) co_return std::unexpected(std::move(waited).error());
    co_return std::move(*value_);
  }

 private:
  Event event_;
  std::optional<T> value_;
};

}  // namespace virga::io
