#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "virga/base/assert.h"
#include "virga/io/frame_pool.h"

namespace virga::io {

namespace internal {

// Hands control to whoever awaits the task, without growing the stack.
struct ResumeAwaiter {
  bool await_ready() noexcept { return false; }
  template <typename Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> finished) noexcept {
    auto continuation = finished.promise().continuation;
    return continuation ? continuation : std::noop_coroutine();
  }
  void await_resume() noexcept {}
};

struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::suspend_always initial_suspend() noexcept { return {}; }
  ResumeAwaiter final_suspend() noexcept { return {}; }
  // Virga throws nothing, and adapters catch what libraries throw: what arrives here is a bug.
  void unhandled_exception() noexcept { std::terminate(); }
  static void* operator new(std::size_t size) { return take_frame(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { give_frame(memory, size); }
};

// The part of a task that does not depend on its value: owns the coroutine and starts it when it is awaited.
template <typename Promise>
class TaskHandle {
 public:
  TaskHandle(TaskHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  TaskHandle& operator=(TaskHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~TaskHandle() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    return handle_;
  }

 protected:
  explicit TaskHandle(Promise& promise) : handle_(std::coroutine_handle<Promise>::from_promise(promise)) {}
  Promise& promise() { return handle_.promise(); }

 private:
  std::coroutine_handle<Promise> handle_;
};

template <typename T>
struct Promise;

}  // namespace internal

// A coroutine that runs when it is awaited and belongs to one loop. Awaiting it gives its value; a task that is dropped
// before it ran does nothing. It is moved, awaited once, and must not be destroyed while it is suspended in the middle,
// unless everything it waits for is gone too.
template <typename T = void>
class [[nodiscard]] Task : public internal::TaskHandle<internal::Promise<T>> {
 public:
  using promise_type = internal::Promise<T>;
  explicit Task(promise_type& promise) : internal::TaskHandle<promise_type>(promise) {}

  T await_resume() {
    VIRGA_ASSERT(this->promise().value.has_value());
    return std::move(*this->promise().value);
  }
};

template <>
class [[nodiscard]] Task<void> : public internal::TaskHandle<internal::Promise<void>> {
 public:
  using promise_type = internal::Promise<void>;
  explicit Task(promise_type& promise) : internal::TaskHandle<promise_type>(promise) {}

  void await_resume() noexcept {}
};

namespace internal {

template <typename T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() { return Task<T>(*this); }
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() noexcept {}
};

inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(*this);
}

}  // namespace internal

}  // namespace virga::io
