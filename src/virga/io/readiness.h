#pragma once

#include <coroutine>
#include <functional>
#include <memory>

#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/os/descriptor.h"

namespace virga::io {

// A non-blocking descriptor under watch, for operations that io/ has no type for. One coroutine at a time waits for it
// to become readable, one for writable. One loop; the waiting coroutines must have ended, or `close` been called,
// before it is destroyed.
//
//   while (true) {
//     auto message = os::receive_message(readiness.descriptor(), buffer);
//     if (message || message.error().code() != ErrorCode::Unavailable) break;
//     readiness.drained();
//     VIRGA_CO_TRY(co_await readiness.readable());
//   }
class Readiness {
  enum class Side { Read, Write };

 public:
  // The wait of one coroutine: Result<> with DeadlineExceeded or Cancelled.
  class [[nodiscard]] Awaiter : internal::TimerNode {
   public:
    bool await_ready() const;
    void await_suspend(std::coroutine_handle<> handle);
    Result<> await_resume();

   private:
    friend class Readiness;
    enum class End { Ready, Late, Closed };
    Awaiter(Readiness& owner, Side side, Deadline deadline) : owner_(owner), side_(side), deadline_(deadline) {}
    void finish(End end);

    Readiness& owner_;
    Side side_;
    Deadline deadline_;
    End end_ = End::Ready;
    std::coroutine_handle<> handle_;
  };

  static Result<std::unique_ptr<Readiness>> create(Loop& loop, os::Descriptor descriptor);
  ~Readiness();

  const os::Descriptor& descriptor() const { return descriptor_; }
  Loop& loop() const { return loop_; }

  Awaiter readable(Deadline deadline = Deadline::never()) { return Awaiter(*this, Side::Read, deadline); }
  Awaiter writable(Deadline deadline = Deadline::never()) { return Awaiter(*this, Side::Write, deadline); }
  // Tell what an operation found: nothing more to read, no more room to write.
  void drained() { watch_.readable = watch_.ended; }
  void filled() {
    watch_.writable = false;
    loop_.watch_writes(watch_);
  }
  bool may_read() const { return watch_.readable; }

  // True once the kernel said that the other side has closed, or half closed. Costs nothing; bytes may be left to read.
  bool ended() const { return watch_.ended; }
  // Calls `work` once, inside the loop, when that happens or when this is closed; at once if it has happened. It must
  // neither close nor destroy anything of this object. Replaces what was set before; nullptr takes it back.
  void on_end(std::function<void()> work);

  // Ends both waits with Cancelled and closes the descriptor.
  void close();

 private:
  struct OwnedWatch : internal::Watch {
    Readiness* owner = nullptr;
  };
  Readiness(Loop& loop, os::Descriptor descriptor) : loop_(loop), descriptor_(std::move(descriptor)) {}

  Loop& loop_;
  os::Descriptor descriptor_;
  OwnedWatch watch_;
  Awaiter* reader_ = nullptr;
  Awaiter* writer_ = nullptr;
  std::function<void()> on_end_;
};

}  // namespace virga::io
