#include "virga/sandbox/spawn/first_process.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "virga/os/errno.h"
#include "virga/os/socket.h"
#include "virga/sandbox/internal/request.h"
#include "virga/sandbox/spawn/egress.h"
#include "virga/sandbox/spawn/net.h"
#include "virga/sandbox/spawn/policy.h"

namespace virga::sandbox::spawn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSocket = 10;   // where this process keeps its socket, above what the program gets
constexpr int kWaiting = 40;  // where a primed blank's first process keeps the socket of its process 2

std::int64_t microseconds_since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
}

void report(const BlankReport& report, std::span<const int> descriptors = {}, int to = kSocket) {
  os::Descriptor socket(to);
  (void)os::send_message(socket, std::string_view(reinterpret_cast<const char*>(&report), sizeof(report)), descriptors);
  (void)socket.release();
}

[[noreturn]] void fail_and_end(const Error& error, int to = kSocket) {
  BlankReport failed;
  failed.kind = BlankReport::Failed;
  failed.error_code = static_cast<std::int32_t>(error.code());
  std::strncpy(failed.text, error.message().c_str(), sizeof(failed.text) - 1);
  report(failed, {}, to);
  ::_exit(1);
}

Result<> join(const Cgroup* cgroup) {
  if (cgroup == nullptr) return {};
  for (const auto& file : cgroup->join_files()) {
    if (::write(file.get(), "0", 1) != 1) return os::fail_errno("join a cgroup");
  }
  return {};
}

// User and group 1000, set before any file is made: until then the ids of this process have no meaning in its
// namespace. It never was user 0 here, so it keeps its capabilities over the namespace until it drops them.
Result<> become_user(bool is_root) {
  // Without root the map says setgroups=deny, and the caller's groups stay; the mounts show nothing they could open.
  if (is_root && ::setgroups(0, nullptr) != 0) return os::fail_errno("setgroups");
  if (::setresgid(1000, 1000, 1000) != 0) return os::fail_errno("setresgid");
  if (::setresuid(1000, 1000, 1000) != 0) return os::fail_errno("setresuid");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os::fail_errno("prctl dumpable");
  // If the helper is killed, the kernel ends this process, and with it the sandbox.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return os::fail_errno("prctl parent death signal");
  return {};
}

Result<> make_namespaces() {
  // The cgroup namespace is last in effect: the process is in its groups already, so they are the root it sees.
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0) {
    return os::fail_errno("unshare");
  }
  if (::sethostname("sandbox", 7) != 0) return os::fail_errno("sethostname");
  if (::setdomainname("localdomain", 11) != 0) return os::fail_errno("setdomainname");
  return {};
}

// 0, 1, 2 and 3 become /dev/null so that nothing received later lands there; the socket moves to its place; all else
// but the image of init goes: what the helper had open is nobody's here.
Result<int> settle_descriptors(os::Descriptor& socket, const os::Descriptor& init) {
  int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return os::fail_errno("open", "/dev/null");
  int kept_init = ::fcntl(init.get(), F_DUPFD_CLOEXEC, 64);
  int kept_socket = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 64);
  int kept_null = ::fcntl(null, F_DUPFD_CLOEXEC, 64);
  if (kept_init < 0 || kept_socket < 0 || kept_null < 0) return os::fail_errno("duplicate a descriptor");
  (void)socket.release();
  for (int fd = 0; fd < 4; ++fd) {
    if (::dup3(kept_null, fd, O_CLOEXEC) < 0) return os::fail_errno("dup3");
  }
  if (::dup3(kept_socket, kSocket, O_CLOEXEC) < 0 || ::dup3(kept_init, kSocket + 1, O_CLOEXEC) < 0) {
    return os::fail_errno("dup3");
  }
  if (::close_range(4, kSocket - 1, 0) != 0 || ::close_range(kSocket + 2, ~0u, 0) != 0) {
    return os::fail_errno("close_range");
  }
  return kSocket + 1;
}

Result<> prepare(const Ground& ground, const Cgroup* cgroup, const os::Descriptor& socket, os::Descriptor tree) {
  char go = 0;
  auto message = os::receive_message(socket, std::span(&go, 1));
  if (!message || message->size != 1) ::_exit(1);  // the helper gave this blank up
  VIRGA_TRY(join(cgroup));
  VIRGA_TRY(become_user(ground.is_root));
  VIRGA_TRY(make_namespaces());
  // A keyring of its own, empty, so that nothing of the helper's can be asked for.
  if (::syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, nullptr, 0, 0, 0) < 0 && errno != ENOSYS) {
    return os::fail_errno("keyctl");
  }
  // Only who still sees a whole /proc may make a new one.
  VIRGA_TRY_ASSIGN(auto proc, make_proc());
  VIRGA_TRY(enter_root(tree));
  VIRGA_TRY(mount_own_file_systems(ground.workshop, proc));
  VIRGA_TRY(set_loopback(Link::Up));
  // Of these, only the first process of a template keeps one; before the bounding set is empty.
  if (const char* step = make_chroot_inheritable()) return os::fail_errno(step);
  // Part of dropping all privileges, done early because it takes a call for each capability.
  if (const char* step = empty_bounding_set()) return os::fail_errno(step);
  ::setsid();
  return {};
}

struct Order {
  bool is_to_prime = false;
  Spec spec;
  bool has_cgroups = false;
  std::uint32_t egress_slot = 0;
  // The program's descriptors: input, output, errors, frames; -1: none.
  int channels[4] = {-1, -1, -1, -1};
  os::Descriptor code, layers, runtime, output, meminfo, resolver, tmp, fork_socket;
};

Result<Order> receive_order(int from) {
  std::vector<char> buffer(wire::kMaxRequestBytes + sizeof(OrderHead));
  os::Descriptor socket(from);
  auto message = os::receive_message(socket, buffer);
  (void)socket.release();
  if (!message) return std::unexpected(message.error());
  if (message->size == 0) ::_exit(0);  // the helper ended, or has enough blanks
  if (message->size < sizeof(OrderHead)) return fail(ErrorCode::Internal, "an order was cut short");
  OrderHead head;
  std::memcpy(&head, buffer.data(), sizeof(head));
  Order order;
  order.is_to_prime = message->size == sizeof(head);
  if (order.is_to_prime) {
    order.spec.stage = Stage::Stem;  // the limits and the rules for paths are those of one
  } else {
    VIRGA_TRY_ASSIGN(auto request, wire::decode_request(
                                       std::string_view(buffer.data() + sizeof(head), message->size - sizeof(head))));
    order.spec = std::move(request.spec);
  }
  order.has_cgroups = head.has_cgroups != 0;
  order.egress_slot = head.egress_slot;
  std::size_t next = 0;
  auto take = [&](std::uint32_t bit) {
    if ((head.descriptors & bit) == 0 || next >= message->descriptors.size()) return os::Descriptor();
    return std::move(message->descriptors[next++]);
  };
  order.channels[3] = take(wire::kHasFrames).release();
  order.channels[1] = take(wire::kHasOutput).release();
  order.channels[2] = take(wire::kHasErrors).release();
  order.channels[0] = take(wire::kHasInput).release();
  order.code = take(kHasCode);
  order.layers = take(kHasLayers);
  order.runtime = take(kHasRuntime);
  order.output = take(kHasOutputFolder);
  order.meminfo = take(kHasMeminfo);
  order.resolver = take(kHasResolver);
  order.tmp = take(kHasTmp);
  order.fork_socket = take(kHasForkSocket);
  return order;
}

// Answers what is to be handed out: the listener for services, the runtime API's, the two sockets for names, then of a
// template its root without its /tmp, from which those of its forks are made.
Result<std::vector<os::Descriptor>> furnish(const Ground& ground, const Order& order) {
  struct Place {
    const os::Descriptor& tree;
    const char* path;
  };
  for (const auto& [tree, path] : {Place{order.code, "/var/task"}, Place{order.layers, "/opt"},
                                   Place{order.runtime, "/var/runtime"}, Place{order.output, "/var/output"},
                                   Place{order.meminfo, "/proc/meminfo"}, Place{order.resolver, "/etc/resolv.conf"}}) {
    if (tree.valid()) VIRGA_TRY(attach(tree, path));
  }
  os::Descriptor root;
  if (order.spec.stage == Stage::Template) {
    VIRGA_TRY_ASSIGN(root, clone_own_root());
  }
  VIRGA_TRY(order.tmp.valid()
                ? attach(order.tmp, "/tmp")
                : mount_tmp(std::min(order.spec.limits.tmp_bytes, most_tmp_in_memory(order.spec.limits))));
  if (order.spec.network == Network::None) VIRGA_TRY(set_loopback(Link::Down));
  std::vector<os::Descriptor> made;
  if (order.spec.network != Network::None && ground.services_port != 0) {
    VIRGA_TRY_ASSIGN(auto listener, listen_for_services(ground.services_port));
    made.push_back(std::move(listener));
  }
  if (order.spec.runtime_api_listener) {
    VIRGA_TRY_ASSIGN(auto listener, listen_for_runtime_api());
    made.push_back(std::move(listener));
  }
  if (order.spec.network == Network::Egress) {
    VIRGA_TRY(set_up_egress(order.egress_slot));
    VIRGA_TRY_ASSIGN(auto names, open_name_sockets());
    made.push_back(std::move(names.datagrams));
    made.push_back(std::move(names.listener));
  }
  if (root.valid()) made.push_back(std::move(root));
  return made;
}

// Everything the new process needs, laid out before the vfork: between vfork and exec nothing is allocated.
struct Launch {
  std::span<const sock_filter> filter;
  const Order& order;
  const os::Descriptor& rules;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  pid_t program = -1;
  // Written by the child into the memory it shares until its exec.
  const char* failed_step = nullptr;
  int failure = 0;
  Clock::time_point exec_begin{};
};

const char* take_channels(const Order& order) {
  for (int fd = 0; fd < 4; ++fd) {
    int source = order.channels[fd];
    if (source >= 0) {
      if (::dup2(source, fd) < 0) return "dup2";
    } else if (fd < 3 && ::fcntl(fd, F_SETFD, 0) != 0) {
      return "fcntl";
    }
  }
  if (order.channels[3] < 0) ::close(3);
  return nullptr;
}

// 0 to 3, and of a template 4.
const char* keep_first_descriptors(const Order& order) {
  constexpr int kForkSocket = 4;
  int fork_socket = order.fork_socket.get();
  if (fork_socket == kForkSocket && ::fcntl(fork_socket, F_SETFD, 0) != 0) return "fcntl";
  if (fork_socket > kForkSocket && ::dup2(fork_socket, kForkSocket) < 0) return "dup2";
  return ::close_range(fork_socket >= 0 ? kForkSocket + 1 : kForkSocket, ~0u, 0) == 0 ? nullptr : "close_range";
}

const char* become_program(Launch& launch) {
  const Order& order = launch.order;
  ::setsid();
  if (const char* step = take_channels(order)) return step;
  if (::chdir(order.spec.working_directory.c_str()) != 0) return "enter the working folder";
  // A job that writes for Virga leaves files Virga's other sandboxes can read; a function's files are its own.
  ::umask(order.spec.output_directory.empty() ? 077 : 022);
  if (const char* step = set_process_limits(order.spec, order.has_cgroups)) return step;
  if (const char* step = drop_privileges()) return step;
  if (const char* step = enforce_landlock(launch.rules)) return step;
  if (const char* step = keep_first_descriptors(order)) return step;
  if (const char* step = install_seccomp(launch.filter)) return step;
  launch.exec_begin = Clock::now();
  ::execve(launch.arguments.front(), launch.arguments.data(), launch.environment.data());
  return "start";
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

int run_launch(void* given) {
  Launch& launch = *static_cast<Launch*>(given);
  launch.failed_step = become_program(launch);
  launch.failure = errno;
  ::_exit(127);
}

// vfork, but that the program of a template goes on sharing root and working folder with this process.
pid_t vfork_sharing_root(Launch& launch) {
  constexpr std::size_t kStack = 256 << 10;
  std::vector<char> stack(kStack);
  return ::clone(run_launch, stack.data() + kStack, CLONE_VM | CLONE_VFORK | CLONE_FS | SIGCHLD, &launch);
}

Result<> start_program(Launch& launch) {
  // The child shares `launch`, so that the step that failed can be told; a fork would also copy the page tables.
  bool is_template = launch.order.spec.stage == Stage::Template;
  pid_t program = is_template ? vfork_sharing_root(launch) : ::vfork();  // NOLINT(bugprone-unsafe-functions)
  if (program == 0) run_launch(&launch);
  if (program < 0) return os::fail_errno("vfork");
  launch.program = program;
  if (launch.failed_step != nullptr) {
    return fail(os::errno_error(launch.failure, launch.failed_step, launch.order.spec.arguments.front()));
  }
  return {};
}

// Opens what the helper needs to give a stem its task (StemHandles, in this order).
Result<std::vector<int>> open_handles(pid_t program) {
  std::vector<int> handles = {static_cast<int>(::syscall(SYS_pidfd_open, program, 0)),
                              ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
                              ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
  for (int handle : handles) {
    if (handle < 0) return os::fail_errno("open the handles of a stem");
  }
  return handles;
}

// Process 2 of a primed blank: everything that needs power or takes time is done, then it waits. It is no vfork: its
// parent goes on.
[[noreturn]] void wait_for_program(const Ground& ground, const Order& order, const os::Descriptor& rules) {
  auto prepare = [&]() -> const char* {
    ::setsid();
    ::umask(077);
    bool done = ::dup3(kWaiting, kSocket, O_CLOEXEC) >= 0 && ::close_range(4, kSocket - 1, 0) == 0 &&
                ::close_range(kSocket + 1, ~0u, 0) == 0;
    return done ? nullptr : "close_range";
  };
  const char* failed = set_process_limits(order.spec, order.has_cgroups);
  if (failed == nullptr) failed = drop_privileges();
  if (failed == nullptr) failed = enforce_landlock(rules);
  if (failed == nullptr) failed = prepare();
  if (failed == nullptr) failed = install_seccomp(ground.filters.everybody);
  if (failed != nullptr) fail_and_end(os::errno_error(failed));
  auto program = receive_order(kSocket);
  if (!program) fail_and_end(program.error());
  auto arguments = pointers(program->spec.arguments);
  auto environment = pointers(program->spec.environment);
  // The socket stays until exec closes it: by that the helper knows that the program runs.
  failed = take_channels(*program);
  if (failed == nullptr && ::chdir(program->spec.working_directory.c_str()) != 0) failed = "enter the working folder";
  if (failed == nullptr && (::close_range(4, kSocket - 1, 0) != 0 || ::close_range(kSocket + 1, ~0u, 0) != 0)) {
    failed = "close_range";
  }
  if (failed == nullptr) {
    ::execve(arguments.front(), arguments.data(), environment.data());
    failed = "start";
  }
  fail_and_end(os::errno_error(failed, program->spec.arguments.front()));
}

// Process 1 from here on: virga-init, as powerless as the program it watches, unless it keeps the door of a template.
[[noreturn]] void become_init(const Ground& ground, int init, Stage stage) {
  char* const arguments[] = {const_cast<char*>("virga-init"), nullptr};
  char* const environment[] = {nullptr};
  ::dup2(kSocket, 3);
  ::close_range(4, static_cast<unsigned>(init) - 1, 0);
  ::close_range(static_cast<unsigned>(init) + 1, ~0u, 0);
  bool ready = false;
  if (stage == Stage::Template) {
    // The lowest free number is 4, where virga-init looks for its own root.
    ready = ::open("/", O_PATH | O_DIRECTORY) == 4 && keep_only_chroot() == nullptr &&
            install_seccomp(ground.filters.of_door) == nullptr;
  } else {
    ready = drop_privileges() == nullptr && install_seccomp(ground.filters.everybody) == nullptr;
  }
  if (ready) ::syscall(SYS_execveat, init, "", arguments, environment, AT_EMPTY_PATH);
  ::_exit(125);  // the helper sees a sandbox that ends without a status
}

// `made`: what furnish() answered.
[[noreturn]] void prime(const Ground& ground, const Order& order, const os::Descriptor& rules, int init,
                        const std::vector<os::Descriptor>& made) {
  auto listener = listen_for_runtime_api();
  if (!listener) fail_and_end(listener.error());
  auto sockets = os::socket_pair(SOCK_SEQPACKET);
  if (!sockets) fail_and_end(sockets.error());
  if (::dup3(sockets->second.get(), kWaiting, O_CLOEXEC) < 0) fail_and_end(os::errno_error("dup3"));
  sockets->second.reset();
  pid_t program = ::fork();
  if (program < 0) fail_and_end(os::errno_error("fork"));
  if (program == 0) wait_for_program(ground, order, rules);
  auto handles = open_handles(program);
  if (!handles) fail_and_end(handles.error());
  handles->push_back(listener->get());
  handles->push_back(sockets->first.get());
  for (const auto& descriptor : made) handles->push_back(descriptor.get());
  BlankReport primed;
  primed.kind = BlankReport::Primed;
  report(primed, *handles);
  become_init(ground, init, Stage::Stem);
}

}  // namespace

[[noreturn]] void run_first_process(const Ground& ground, const Cgroup* cgroup, os::Descriptor socket,
                                    os::Descriptor tree) {
  auto begin = Clock::now();
  auto prepared = prepare(ground, cgroup, socket, std::move(tree));
  // Only now, when nothing above owns a descriptor any more whose number could be taken over.
  auto init = prepared ? settle_descriptors(socket, ground.init) : Result<int>(std::unexpected(prepared.error()));
  if (!init) {
    if (socket.valid()) ::dup2(socket.get(), kSocket);
    fail_and_end(init.error().with_context("make a sandbox"));
  }
  BlankReport ready;
  ready.microseconds[0] = microseconds_since(begin);
  report(ready);

  auto order = receive_order(kSocket);
  if (!order) fail_and_end(order.error());
  BlankReport running;
  running.kind = BlankReport::Running;
  begin = Clock::now();
  auto made = furnish(ground, *order);
  if (!made) fail_and_end(made.error());
  running.microseconds[0] = microseconds_since(begin);

  begin = Clock::now();
  os::Descriptor rules;
  if (ground.landlock_abi > 0) {
    auto allowed = make_landlock_rules(ground.landlock_abi, order->spec);
    if (!allowed) fail_and_end(allowed.error());
    rules = std::move(*allowed);
  }
  if (order->is_to_prime) prime(ground, *order, rules, *init, *made);
  bool is_template = order->spec.stage == Stage::Template;
  Launch launch{is_template ? ground.filters.of_template : ground.filters.everybody, *order, rules,
                pointers(order->spec.arguments), pointers(order->spec.environment)};
  if (auto started = start_program(launch); !started) fail_and_end(started.error());
  running.microseconds[1] = std::chrono::duration_cast<std::chrono::microseconds>(launch.exec_begin - begin).count();
  running.microseconds[2] = microseconds_since(launch.exec_begin);
  std::vector<int> passed;
  for (const auto& descriptor : *made) passed.push_back(descriptor.get());
  if (order->spec.stage == Stage::Stem) {
    auto handles = open_handles(launch.program);
    if (!handles) fail_and_end(handles.error());
    passed.insert(passed.begin(), handles->begin(), handles->end());
  }
  if (is_template) passed.push_back(static_cast<int>(::syscall(SYS_pidfd_open, launch.program, 0)));
  report(running, passed);
  become_init(ground, *init, order->spec.stage);
}

}  // namespace virga::sandbox::spawn
