#include "virga/sandbox/spawn/fork_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>

#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/os/socket.h"

namespace virga::sandbox::spawn {
namespace {

// The number `nth` words behind NAME in /proc/PID/status; -1: the last one of the line.
std::optional<std::uint32_t> status_number(std::string_view status, std::string_view name, int nth) {
  auto at = status.find("\n" + std::string(name) + ":");
  if (at == status.npos) return std::nullopt;
  auto line = status.substr(at + name.size() + 2);
  line = line.substr(0, line.find('\n'));
  std::optional<std::uint32_t> found;
  for (int index = 0; !line.empty(); ++index) {
    auto begin = line.find_first_not_of("\t ");
    if (begin == line.npos) break;
    line.remove_prefix(begin);
    std::uint32_t value = 0;
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc()) return std::nullopt;
    found = value;
    if (index == nth) return found;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  }
  return nth < 0 ? found : std::nullopt;
}

}  // namespace

Result<> ask_for_fork(const os::Descriptor& socket, std::uint64_t number, const std::array<int, 6>& descriptors) {
  ForkWord word{.kind = ForkWord::Fork, .number = number};
  return os::send_message(socket, std::string_view(reinterpret_cast<const char*>(&word), sizeof(word)), descriptors);
}

Result<std::optional<ForkWord>> read_word(const os::Descriptor& socket) {
  char buffer[sizeof(ForkWord) + 1];
  auto message = os::receive_message(socket, buffer);  // whatever descriptors come are closed
  if (!message && message.error().code() == ErrorCode::Unavailable) return std::nullopt;
  if (!message) return std::unexpected(message.error());
  if (message->size == 0) return fail(ErrorCode::Unavailable, "the template closed its socket");
  ForkWord word;
  if (message->size != sizeof(word)) return fail(ErrorCode::InvalidArgument, "the template sent what it should not");
  std::memcpy(&word, buffer, sizeof(word));
  return word;
}

Result<> tell_senders(const os::Descriptor& handshake) {
  int on = 1;
  if (::setsockopt(handshake.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) return os::fail_errno("setsockopt");
  return os::set_nonblocking(handshake);
}

Result<std::optional<pid_t>> read_sender(const os::Descriptor& handshake) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * os::kMaxPassedDescriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = 0;
  do {
    size = ::recvmsg(handshake.get(), &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return std::nullopt;
  if (size < 0) return os::fail_errno("recvmsg");
  std::optional<pid_t> sender;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
      sender = credentials.pid;
    }
    if (header->cmsg_type == SCM_RIGHTS) {
      std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        ::close(fd);
      }
    }
  }
  if (size == 0 || !sender || *sender <= 0) return fail(ErrorCode::Unavailable, "the fork ended before it was ready");
  return sender;
}

Result<Claimant> look_at(pid_t pid) {
  VIRGA_TRY_ASSIGN(auto status, os::read_file("/proc/" + std::to_string(pid) + "/status"));
  auto parent = status_number(status, "PPid", 0);
  auto user = status_number(status, "Uid", 0);
  auto threads = status_number(status, "Threads", 0);
  auto inside = status_number(status, "NSpid", -1);
  if (!parent || !user || !threads || !inside) return fail(ErrorCode::Internal, "/proc/PID/status lacks a line");
  return Claimant{static_cast<pid_t>(*parent), *user, *threads, static_cast<pid_t>(*inside)};
}

}  // namespace virga::sandbox::spawn
