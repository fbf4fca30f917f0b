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
#include <string_view>
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
constexpr int kEndPatience = 25000;    // and for the end of both: the parent waits 20 seconds for the helper
constexpr int kSendPatience = 1000;    // the helper reads its socket between any two steps

Result<wire::Report> receive_report(const os::Descriptor& socket, std::vector<os::Descriptor>& descriptors) {
  std::array<char, wire::kMaxReportBytes> buffer;
  VIRGA_TRY_ASSIGN(auto message, os::receive_message(socket, buffer));
  if (message.size == 0) return fail(ErrorCode::DataLoss, "the sandbox helper is gone");
  descriptors = std::move(message.descriptors);
  return wire::decode_report(std::string_view(buffer.data(), message.size));
}

Result<wire::Report> first_report(const os::Descriptor& socket, std::vector<os::Descriptor>& descriptors) {
  pollfd waiting{socket.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, kStartPatience);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return fail(problem::kHelperNotReady, "the sandbox helper did not become ready");
  VIRGA_TRY_ASSIGN(auto report, receive_report(socket, descriptors));
  if (auto* unable = std::get_if<wire::Unable>(&report)) return fail(std::move(unable->error));
  return report;
}

// vfork and exec of the parent; its pid.
Result<pid_t> launch(const os::Descriptor& image, const os::Descriptor& control, std::vector<std::string> texts) {
  std::vector<char*> arguments;
  arguments.reserve(texts.size() + 1);
  for (auto& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  // The daemon is large, and the child only moves descriptors before it becomes another program.
  pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions): a fork would copy the page tables of all that memory
  if (pid < 0) return os::fail_errno("vfork");
  if (pid == 0) {
    // Both survive the shuffle: 3 becomes the socket, 4 the image, and nothing else of the daemon goes along.
    int socket = ::fcntl(control.get(), F_DUPFD_CLOEXEC, 16);
    int program = ::fcntl(image.get(), F_DUPFD_CLOEXEC, 16);
    ::dup2(socket, 3);
    ::dup3(program, 4, O_CLOEXEC);
    ::close_range(5, ~0u, 0);
    ::syscall(SYS_execveat, 4, "", arguments.data(), environment, AT_EMPTY_PATH);
    ::_exit(126);
  }
  return pid;
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
  std::vector<std::string> texts = {"virga-spawn",
                                    root ? "root" : "rootless",
                                    std::to_string(options.first_id),
                                    std::to_string(options.id_count),
                                    std::to_string(options.blanks),
                                    std::to_string(options.owner.value_or(::geteuid())),
                                    options.state_directory};
  for (const auto& folder : options.readable_folders) texts.push_back("r:" + folder);
  for (const auto& folder : options.writable_folders) texts.push_back("w:" + folder);
  for (const auto& range : options.egress_allowed) texts.push_back("e:" + range);
  if (options.services_port != 0) texts.push_back("s:" + std::to_string(options.services_port));
  VIRGA_TRY_ASSIGN(pid_t keeper, launch(image, sockets.second, std::move(texts)));
  Helper helper(std::move(sockets.first), keeper);
  helper.has_services_ = options.services_port != 0;
  sockets.second.reset();
  VIRGA_TRY(helper.start_again());
  return helper;
}

Result<> Helper::start_again() {
  socket_.reset();  // a helper that still lives ends with this
  constexpr std::string_view kWhat = "start the sandbox helper";
  if (auto asked = os::send_message(control_, wire::kStartHelper); !asked) {
    // It may have said why it ended before it did.
    std::vector<os::Descriptor> none;
    auto last = first_report(control_, none);
    return fail(ErrorCode::DataLoss, last ? asked.error().message() : last.error().with_context(kWhat).message());
  }
  std::vector<os::Descriptor> descriptors;
  auto report = first_report(control_, descriptors);
  if (!report) return std::unexpected(report.error().with_context(kWhat));
  auto* started = std::get_if<wire::HelperStarted>(&*report);
  if (started == nullptr || descriptors.size() != 1) {
    return fail(ErrorCode::Internal, "the sandbox helper's parent did not hand it out");
  }
  pid_ = started->pid;
  socket_ = std::move(descriptors.front());
  descriptors.clear();
  report = first_report(socket_, descriptors);
  if (!report) return std::unexpected(report.error().with_context(kWhat));
  auto* hello = std::get_if<wire::Hello>(&*report);
  if (hello == nullptr) return fail(problem::kHelperNotReady, "the sandbox helper did not introduce itself");
  is_root_ = hello->is_root;
  has_cgroups_ = hello->has_cgroups;
  return os::set_nonblocking(socket_);
}

Helper::Helper(Helper&& other) noexcept
    : control_(std::move(other.control_)),
      keeper_(std::exchange(other.keeper_, -1)),
      socket_(std::move(other.socket_)),
      pid_(std::exchange(other.pid_, -1)),
      has_services_(other.has_services_),
      is_root_(other.is_root_),
      has_cgroups_(other.has_cgroups_) {}

Helper& Helper::operator=(Helper&& other) noexcept {
  std::swap(control_, other.control_);
  std::swap(keeper_, other.keeper_);
  std::swap(socket_, other.socket_);
  std::swap(pid_, other.pid_);
  has_services_ = other.has_services_;
  is_root_ = other.is_root_;
  has_cgroups_ = other.has_cgroups_;
  return *this;
}

Helper::~Helper() {
  if (keeper_ < 0) return;
  // The helper sees the one, ends everything and exits; its parent sees the other and waits for that.
  socket_.reset();
  control_.reset();
  os::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, keeper_, 0)));
  pollfd waiting{process.get(), POLLIN, 0};
  if (process.valid() && ::poll(&waiting, 1, kEndPatience) == 0) {
    // Without privilege this is refused; then it is left to whoever has some.
    if (::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) return;
  }
  while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> Helper::start(const Spec& spec, const Channels& channels) {
  VIRGA_TRY(wire::validate(spec));
  return send_with(channels, {.kind = wire::RequestKind::Start, .spec = spec});
}

Result<> Helper::fork(const Fork& fork, const Channels& channels) {
  VIRGA_TRY(wire::validate_fork(fork));
  wire::Request request{.kind = wire::RequestKind::Fork, .of = fork.of};
  request.spec.id = fork.id;
  request.spec.limits = fork.limits;
  return send_with(channels, std::move(request));
}

Result<> Helper::send_with(const Channels& channels, wire::Request request) {
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

Result<> Helper::bind(const Binding& binding) {
  wire::Request request;
  request.kind = wire::RequestKind::Bind;
  request.spec.id = binding.id;
  request.spec.code_directory = binding.code_directory;
  request.spec.layer_directories = binding.layer_directories;
  request.spec.limits = binding.limits;
  request.spec.network = binding.network;
  VIRGA_TRY(wire::validate_binding(request.spec));
  return send(wire::encode(request));
}

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
  auto sent = os::send_message(socket_, small_request(wire::RequestKind::Freeze, id));
  if (!sent && sent.error().code() == ErrorCode::Unavailable) {
    return fail(ErrorCode::ResourceExhausted, "the sandbox helper has too many requests to read");
  }
  return sent;
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
    // In the order in which the sandbox made them: that for services is always the first, those for names are two, the
    // listener is one.
    if (has_services_ && !descriptors.empty()) {
      started->services_listener = std::move(descriptors.front());
      descriptors.erase(descriptors.begin());
    }
    if (descriptors.size() % 2 == 1) {
      started->listener = std::move(descriptors.front());
      descriptors.erase(descriptors.begin());
    }
    if (descriptors.size() == 2) {
      started->name_datagrams = std::move(descriptors[0]);
      started->name_listener = std::move(descriptors[1]);
    }
    return Event(std::move(*started));
  }
  if (auto* failed = std::get_if<StartFailed>(&*report)) return Event(std::move(*failed));
  if (auto* bound = std::get_if<Bound>(&*report)) {
    if (descriptors.size() == 2) {
      bound->name_datagrams = std::move(descriptors[0]);
      bound->name_listener = std::move(descriptors[1]);
    }
    return Event(std::move(*bound));
  }
  if (auto* failed = std::get_if<BindFailed>(&*report)) return Event(std::move(*failed));
  if (auto* ended = std::get_if<Ended>(&*report)) return Event(*ended);
  if (auto* usage = std::get_if<Usage>(&*report)) return Event(*usage);
  if (auto* notice = std::get_if<Notice>(&*report)) return Event(std::move(*notice));
  return fail(ErrorCode::Internal, "the sandbox helper sent what it should not");
}

}  // namespace virga::sandbox
