#include "virga/io/stream.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "virga/os/errno.h"

namespace virga::io {

Result<Stream> Stream::adopt(Loop& loop, os::Descriptor descriptor) {
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return os::fail_errno("fstat");
  bool is_socket = S_ISSOCK(status.st_mode);
  VIRGA_TRY_ASSIGN(auto readiness, Readiness::create(loop, std::move(descriptor)));
  return Stream(std::move(readiness), is_socket);
}

Result<std::size_t> Stream::try_read(std::span<char> buffer) {
  if (!is_open()) return fail(ErrorCode::Cancelled, "read: the stream is closed");
  if (!readiness_->may_read()) return fail(ErrorCode::Unavailable, "read: nothing yet");
  while (true) {
    int fd = readiness_->descriptor().get();
    // The kernel goes a shorter way for a socket than for any file.
    ssize_t count = is_socket_ ? ::recv(fd, buffer.data(), buffer.size(), 0) : ::read(fd, buffer.data(), buffer.size());
    if (count >= 0) {
      // A read that does not fill the buffer has emptied the stream: the next byte comes with a new event.
      if (count > 0 && static_cast<std::size_t>(count) < buffer.size()) readiness_->drained();
      return static_cast<std::size_t>(count);
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      readiness_->drained();
      return fail(ErrorCode::Unavailable, "read: nothing yet");
    }
    return os::fail_errno("read");
  }
}

Task<Result<std::size_t>> Stream::read_some(std::span<char> buffer, Deadline deadline) {
  while (true) {
    auto count = try_read(buffer);
    if (count || count.error().code() != ErrorCode::Unavailable) co_return count;
    auto ready = co_await readable(deadline);
    if (!ready) co_return std::unexpected(std::move(ready).error());
  }
}

Result<std::size_t> Stream::try_write(std::span<const iovec> parts) {
  if (!is_open()) return fail(ErrorCode::Cancelled, "write: the stream is closed");
  while (true) {
    ssize_t count = 0;
    if (is_socket_ && parts.size() == 1) {
      count = ::send(readiness_->descriptor().get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else if (is_socket_) {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts.data());
      message.msg_iovlen = parts.size();
      count = ::sendmsg(readiness_->descriptor().get(), &message, MSG_NOSIGNAL);
    } else {
      count = ::writev(readiness_->descriptor().get(), parts.data(), static_cast<int>(parts.size()));
    }
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      readiness_->filled();
      return 0;
    }
    return os::fail_errno("write");
  }
}

Task<Result<>> Stream::write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    auto count = try_write({&part, 1});
    if (!count) co_return std::unexpected(std::move(count).error());
    bytes.remove_prefix(*count);
    if (bytes.empty()) break;
    auto ready = co_await writable(deadline);
    if (!ready) co_return std::unexpected(std::move(ready).error());
  }
  co_return Result<>();
}

void Stream::shutdown_write() {
  if (is_open()) ::shutdown(readiness_->descriptor().get(), SHUT_WR);
}

}  // namespace virga::io
