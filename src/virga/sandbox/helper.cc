#include "virga/sandbox/helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/image.h"
#include "virga/sandbox/internal/report.h"
#include "virga/sandbox/internal/request.h"

namespace virga::sandbox {
namespace {

constexpr int kStartPatience = 15000;  // milliseconds for the helper's first word; it may have leftovers to remove
constexpr int kEndPatience = 20000;    // and for its end
constexpr int kSendPatience = 1000;    // the helper reads its socket between any two steps

Result<wire::Report> receive_report(const os::Descriptor& socket, std::vector<os::Descriptor>& descriptors) {
  std::array<char, wire::kMaxReportBytes> buffer;
  VIRGA_TRY_ASSIGN(auto message, os::receive_message(socket, buffer));
  if (message.size == 0) return fail(ErrorCode::DataLoss, "the sandbox helper is gone");
  descriptors = std::move(message.descriptors);
  return wire::decode_report(std::string_view(buffer.data(), message.size));
}

Result<wire::Report> first_report(const os::Descriptor& socket) {
  pollfd waiting{socket.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, kStartPatience);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return fail(problem::kHelperNotReady, "the sandbox helper did not become ready");
  std::vector<os::Descriptor> none;
  return receive_report(socket, none);
}

}  // namespace

Result<Helper> Helper::start(Options options) {
  if (options.state_directory.empty() || options.state_directory.front() != '/') {
    return fail(ErrorCode::InvalidArgument, "the state folder must be an absolute path");
  }
  bool root = ::geteuid() == 0;
  if (options.privilege == Privilege::Root && !root) {
    return fail(ErrorCode::PermissionDenied, "sandboxes with root's help need Virga to be started as root");
  }
  if (options.privilege == Privilege::Rootless) root = false;
  VIRGA_TRY_ASSIGN(auto image, sealed_image("virga-spawn", embedded_spawn(), 0500));
  VIRGA_TRY_ASSIGN(auto sockets, os::socket_pair(SOCK_SEQPACKET));
  int buffer = 4 << 20;  // room for bursts; the kernel takes what it allows
  for (const auto* end : {&sockets.first, &sockets.second}) {
    (void)::setsockopt(end->get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
  }

  std::array<std::string, 6> texts = {"virga-spawn",
                                      root ? "root" : "rootless",
                                      std::to_string(options.first_id),
                                      std::to_string(options.id_count),
                                      std::to_string(options.blanks),
                                      options.state_directory};
  std::array<char*, 7> arguments{};
  for (std::size_t i = 0; i < texts.size(); ++i) arguments[i] = texts[i].data();
  char* environment[] = {nullptr};
  // The daemon is large, and the child only moves descriptors before it becomes another program.
  pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): a fork would copy the page tables of all that memory
  if (pid < 0) return os::fail_errno("vfork");
  if (pid == 0) {
    // Both survive the shuffle: 3 becomes the socket, 4 the image, and nothing else of the daemon goes along.
    int socket = ::fcntl(sockets.second.get(), F_DUPFD_CLOEXEC, 16);
    int program = ::fcntl(image.get(), F_DUPFD_CLOEXEC, 16);
    ::dup2(socket, 3);
    ::dup3(program, 4, O_CLOEXEC);
    ::close_range(5, ~0u, 0);
    ::syscall(SYS_execveat, 4, "", arguments.data(), environment, AT_EMPTY_PATH);
    ::_exit(126);
  }
  Helper helper(std::move(sockets.first), pid);
  sockets.second.reset();
  auto report = first_report(helper.socket_);
  if (!report) return std::unexpected(report.error().with_context("start the sandbox helper"));
  if (auto* unable = std::get_if<wire::Unable>(&*report)) {
    return std::unexpected(unable->error.with_context("start the sandbox helper"));
  }
  auto* hello = std::get_if<wire::Hello>(&*report);
  if (hello == nullptr) return fail(problem::kHelperNotReady, "the sandbox helper did not introduce itself");
  helper.is_root_ = hello->is_root;
  helper.has_cgroups_ = hello->has_cgroups;
  VIRGA_TRY(os::set_nonblocking(helper.socket_));
  return helper;
}

Helper::Helper(Helper&& other) noexcept
    : socket_(std::move(other.socket_)),
      pid_(std::exchange(other.pid_, -1)),
      is_root_(other.is_root_),
      has_cgroups_(other.has_cgroups_) {}

Helper& Helper::operator=(Helper&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(pid_, other.pid_);
  is_root_ = other.is_root_;
  has_cgroups_ = other.has_cgroups_;
  return *this;
}

Helper::~Helper() {
  if (pid_ < 0) return;
  socket_.reset();  // the helper sees this, ends everything and exits
  os::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd waiting{process.get(), POLLIN, 0};
  if (process.valid() && ::poll(&waiting, 1, kEndPatience) == 0) {
    (void)::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  }
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> Helper::start(const Spec& spec, const Channels& channels) {
  wire::Request request{wire::RequestKind::Start, spec, 0};
  VIRGA_TRY(wire::validate(spec));
  std::vector<int> descriptors;
  for (auto [bit, fd] : {std::pair(wire::kHasFrames, channels.frames), std::pair(wire::kHasOutput, channels.output),
                         std::pair(wire::kHasErrors, channels.errors), std::pair(wire::kHasInput, channels.input)}) {
    if (fd < 0) continue;
    request.channels |= bit;
    descriptors.push_back(fd);
  }
  std::string bytes = wire::encode(request);
  if (bytes.size() > wire::kMaxRequestBytes) {
    return fail(ErrorCode::TooLarge, "arguments and environment of a sandbox are limited to 160 KiB together");
  }
  auto sent = os::send_message(socket_, bytes, descriptors);
  if (!sent && sent.error().code() == ErrorCode::Unavailable) {
    return fail(ErrorCode::ResourceExhausted, "the sandbox helper has too many requests to read");
  }
  return sent;
}

// For the small requests, which must not be lost: waits a moment if the socket is full.
Result<> Helper::send(const std::string& bytes) {
  auto sent = os::send_message(socket_, bytes);
  if (sent || sent.error().code() != ErrorCode::Unavailable) return sent;
  pollfd waiting{socket_.get(), POLLOUT, 0};
  (void)::poll(&waiting, 1, kSendPatience);
  return os::send_message(socket_, bytes);
}

namespace {

std::string small_request(wire::RequestKind kind, std::uint64_t id) {
  wire::Request request;
  request.kind = kind;
  request.spec.id = id;
  return wire::encode(request);
}

}  // namespace

Result<> Helper::kill(std::uint64_t id) {
  return send(small_request(wire::RequestKind::Kill, id));
}
Result<> Helper::end_init(std::uint64_t id) {
  return send(small_request(wire::RequestKind::EndInit, id));
}
Result<> Helper::query(std::uint64_t id) {
  return send(small_request(wire::RequestKind::Query, id));
}

Result<> Helper::freeze(std::uint64_t id) {
  if (!has_cgroups_) return fail(ErrorCode::Unimplemented, "freezing a sandbox needs cgroups");
  return send(small_request(wire::RequestKind::Freeze, id));
}

Result<> Helper::thaw(std::uint64_t id) {
  if (!has_cgroups_) return fail(ErrorCode::Unimplemented, "freezing a sandbox needs cgroups");
  return send(small_request(wire::RequestKind::Thaw, id));
}

Result<std::optional<Event>> Helper::receive() {
  std::vector<os::Descriptor> descriptors;
  auto report = receive_report(socket_, descriptors);
  if (!report) {
    if (report.error().code() == ErrorCode::Unavailable) return std::nullopt;
    return fail(ErrorCode::Unavailable, report.error().message());
  }
  if (auto* started = std::get_if<Started>(&*report)) {
    if (!descriptors.empty()) started->listener = std::move(descriptors.front());
    return Event(std::move(*started));
  }
  if (auto* failed = std::get_if<StartFailed>(&*report)) return Event(std::move(*failed));
  if (auto* ended = std::get_if<Ended>(&*report)) return Event(*ended);
  if (auto* usage = std::get_if<Usage>(&*report)) return Event(*usage);
  return fail(ErrorCode::Internal, "the sandbox helper sent what it should not");
}

}  // namespace virga::sandbox
