#include "virga/io/event.h"

namespace virga::io {

void Event::set() {
  set_ = true;
  for (auto* waiter = first_; waiter != nullptr;) {
    auto* next = waiter->next_;
    loop_.disarm(*waiter);
    loop_.resume_soon(waiter->handle_);
    waiter = next;
  }
  first_ = nullptr;
}

void Event::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  next_ = event_.first_;
  event_.first_ = this;
  if (deadline_.is_never()) return;
  expired = [](TimerNode& node) {
    auto& waiter = static_cast<Awaiter&>(node);
    for (auto** place = &waiter.event_.first_; *place != nullptr; place = &(*place)->next_) {
      if (*place == &waiter) {
        *place = waiter.next_;
        break;
      }
    }
    waiter.late_ = true;
    waiter.event_.loop_.resume_soon(waiter.handle_);
  };
  event_.loop_.arm(*this, deadline_);
}

Result<> Event::Awaiter::await_resume() {
  if (late_) return fail(ErrorCode::DeadlineExceeded, "the wait took too long");
  return {};
}

}  // namespace virga::io
