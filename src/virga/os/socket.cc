#include "virga/os/socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "virga/os/errno.h"

namespace virga::os {

Result<std::pair<Descriptor, Descriptor>> socket_pair(int type) {
  int pair[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) return fail_errno("socketpair");
  return std::pair(Descriptor(pair[0]), Descriptor(pair[1]));
}

Result<Pipe> make_pipe() {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) return fail_errno("pipe");
  return Pipe{Descriptor(pair[0]), Descriptor(pair[1])};
}

Result<> set_nonblocking(const Descriptor& descriptor) {
  int flags = ::fcntl(descriptor.get(), F_GETFL);
  if (flags < 0 || ::fcntl(descriptor.get(), F_SETFL, flags | O_NONBLOCK) != 0) return fail_errno("fcntl");
  return {};
}

Result<> send_message(const Descriptor& socket, std::string_view bytes, std::span<const int> descriptors) {
  if (descriptors.size() > kMaxPassedDescriptors) return fail(ErrorCode::Internal, "too many descriptors to pass");
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  while (true) {
    ssize_t sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return {};
    if (sent >= 0) return fail(ErrorCode::Internal, "sendmsg: a message was cut");
    if (errno == EAGAIN) return fail(ErrorCode::Unavailable, "sendmsg: would block");
    if (errno != EINTR) return fail_errno("sendmsg");
  }
}

Result<Message> receive_message(const Descriptor& socket, std::span<char> buffer) {
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPassedDescriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return fail(ErrorCode::Unavailable, "recvmsg: nothing yet");
  if (size < 0) return fail_errno("recvmsg");
  Message received;
  received.size = static_cast<std::size_t>(size);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      received.descriptors.emplace_back(fd);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return fail(ErrorCode::InvalidArgument, "recvmsg: a message larger than allowed");
  }
  return received;
}

}  // namespace virga::os
