#pragma once

#include <sys/uio.h>

#include <coroutine>
#include <memory>
#include <span>
#include <string_view>

#include "virga/io/readiness.h"
#include "virga/io/task.h"

namespace virga::io {

// A connected stream of bytes: a TCP or Unix socket, or one end of a pipe. One loop; at most one coroutine reads and
// one writes at a time. Movable while nobody waits on it.
class Stream {
 public:
  static Result<Stream> adopt(Loop& loop, os::Descriptor descriptor);

  // Bytes read; 0 at the end of the stream.
  Task<Result<std::size_t>> read_some(std::span<char> buffer, Deadline deadline = Deadline::never());
  // Without waiting: Unavailable says "nothing yet"; 0 is the end of the stream.
  Result<std::size_t> try_read(std::span<char> buffer);
  // `co_await stream.readable(deadline)`, then try_read again.
  Readiness::Awaiter readable(Deadline deadline = Deadline::never()) { return readiness_->readable(deadline); }

  // Writes all of it. The bytes stay the caller's until this ends.
  Task<Result<>> write(std::string_view bytes, Deadline deadline = Deadline::never());
  // Writes what fits now, from the first part on, and says how many bytes that was (perhaps 0).
  Result<std::size_t> try_write(std::span<const iovec> parts);
  Readiness::Awaiter writable(Deadline deadline = Deadline::never()) { return readiness_->writable(deadline); }

  // Forgets an early "writable", so that the next wait takes a new event: for a socket that is still connecting.
  void expect_writable() { readiness_->filled(); }

  // The other side has closed or half closed; see Readiness. True for a closed stream as well.
  bool ended() const { return !is_open() || readiness_->ended(); }
  void on_end(std::function<void()> work) { readiness_->on_end(std::move(work)); }

  void shutdown_write();
  // Ends waits with Cancelled.
  void close() { readiness_->close(); }
  bool is_open() const { return readiness_ != nullptr && readiness_->descriptor().valid(); }
  const os::Descriptor& descriptor() const { return readiness_->descriptor(); }
  Loop& loop() const { return readiness_->loop(); }

 private:
  Stream(std::unique_ptr<Readiness> readiness, bool is_socket)
      : readiness_(std::move(readiness)), is_socket_(is_socket) {}

  std::unique_ptr<Readiness> readiness_;
  bool is_socket_;
};

}  // namespace virga::io
