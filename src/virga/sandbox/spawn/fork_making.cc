// From the request of a fork to its Started.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "virga/os/errno.h"
#include "virga/os/socket.h"
#include "virga/sandbox/spawn/forks.h"
#include "virga/sandbox/spawn/mount.h"

namespace virga::sandbox::spawn {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr std::chrono::seconds kPatience{5};  // for a template to fork, and for a fork to join its groups

constexpr int kMostErrno = 4095;
constexpr const char* kEndedEarly = "the fork ended before it was ready";

microseconds since(Forks::Clock::time_point begin) {
  return duration_cast<microseconds>(Forks::Clock::now() - begin);
}

bool has_ended(const os::Descriptor& process) {
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) != 0;
}

Result<> order_door(const os::Descriptor& door, unsigned order, std::span<const int> descriptors = {}) {
  return os::send_message(door, std::string_view(reinterpret_cast<const char*>(&order), sizeof(order)), descriptors);
}

}  // namespace

void Forks::begin(Template& made_by) {
  while (made_by.asked == 0 && made_by.root == Root::Own && !made_by.takes_no_more && !made_by.waiting.empty()) {
    One* fork = find(made_by.waiting.front());
    if (fork == nullptr) {
      made_by.waiting.pop_front();
      continue;
    }
    const Limits& limits = fork->limits;
    if (around_.disks != nullptr && limits.tmp_bytes > most_tmp_in_memory(limits) &&
        around_.disks->ask(limits.tmp_bytes, made_by.waiting.size()) == Disks::Stock::Coming) {
      return;
    }
    made_by.waiting.pop_front();
    if (auto prepared = prepare(made_by, *fork); !prepared) fail_fork(*fork, prepared.error());
  }
}

Result<> Forks::take_tmp(Template& made_by, One& fork, os::Descriptor& tmp) {
  const Limits& limits = fork.limits;
  std::uint64_t in_memory = std::min(limits.tmp_bytes, most_tmp_in_memory(limits));
  if (limits.tmp_bytes > in_memory && around_.disks != nullptr &&
      around_.disks->ask(limits.tmp_bytes, 1) == Disks::Stock::Ready) {
    VIRGA_TRY_ASSIGN(fork.tmp, around_.disks->take(limits.tmp_bytes, made_by.host_id));
    return {};
  }
  VIRGA_TRY_ASSIGN(tmp, make_tmp(in_memory, made_by.host_id));
  return {};
}

// Groups, root and rules; then the template's first process is asked to make that root the program's.
Result<> Forks::prepare(Template& made_by, One& fork) {
  auto begin = Clock::now();
  VIRGA_TRY_ASSIGN(fork.cgroup, around_.cgroups->create("i" + std::to_string(fork.serial)));
  Limits of_group = fork.limits;
  of_group.processes -= of_group.processes > 1 ? 1 : 0;  // those of a group count the first process in
  VIRGA_TRY(fork.cgroup->set_limits(of_group));
  fork.phases.cgroup = since(begin);

  begin = Clock::now();
  os::Descriptor tmp;
  VIRGA_TRY(take_tmp(made_by, fork, tmp));
  VIRGA_TRY_ASSIGN(auto shared, make_shared_memory(made_by.host_id));
  os::Descriptor meminfo;
  std::vector<Yard::Cover> covers = {{fork.tmp.valid() ? fork.tmp : tmp, "/tmp"}, {shared, "/dev/shm"}};
  if (fork.limits.memory_bytes != made_by.limits.memory_bytes) {
    VIRGA_TRY_ASSIGN(meminfo, around_.workshop.clone_meminfo(fork.limits.memory_bytes));
    covers.push_back({meminfo, "/proc/meminfo"});
  }
  VIRGA_TRY_ASSIGN(fork.tree, yard_->make_tree(made_by.serial, covers));
  VIRGA_TRY_ASSIGN(fork.rules, make_fork_rules(around_.ground.landlock_abi, made_by.network, fork.tree));
  int tree = fork.tree.get();
  VIRGA_TRY(order_door(made_by.door, DoorLeave, std::span(&tree, 1)));
  fork.phases.mounts = since(begin);
  fork.state = State::Asked;
  fork.deadline = Clock::now() + kPatience;
  made_by.root = Root::Leaving;
  made_by.asked = fork.serial;
  return {};
}

void Forks::on_door(std::uint64_t template_serial, const DoorAnswer& answer) {
  Template* made_by = template_of(template_serial);
  if (made_by == nullptr) return;
  if (answer.error != 0) return give_up_on(*made_by, "the template's root could not be changed");
  if (made_by->root == Root::Returning && answer.order == DoorReturn) {
    made_by->root = Root::Own;
    return begin(*made_by);
  }
  if (made_by->root != Root::Leaving || answer.order != DoorLeave) return;
  made_by->root = Root::Another;
  One* fork = find(made_by->asked);
  if (fork == nullptr || fork->state != State::Asked) {  // given up meanwhile, and never asked of the program
    made_by->asked = 0;
    return go_home(*made_by);
  }
  if (auto asked = ask(*made_by, *fork); !asked) {
    if (asked.error().code() == ErrorCode::Unavailable) return give_up_on(*made_by, "the template does not answer");
    made_by->asked = 0;
    go_home(*made_by);
    fail_fork(*fork, asked.error());
  }
}

Result<> Forks::ask(Template& made_by, One& fork) {
  VIRGA_TRY_ASSIGN(auto handshake, os::socket_pair(SOCK_SEQPACKET));
  VIRGA_TRY(tell_senders(handshake.first));
  // Opened in the fork's root: nothing of the host's tree is handed in.
  os::Descriptor null(::openat(fork.tree.get(), "dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return os::fail_errno("open", "/dev/null");
  std::array<int, 6> passed = {null.get(),      null.get(), null.get(), null.get(), handshake.second.get(),
                               fork.rules.get()};
  std::size_t next = 0;
  for (auto [bit, place] : {std::pair(wire::kHasFrames, 3), std::pair(wire::kHasOutput, 1),
                            std::pair(wire::kHasErrors, 2), std::pair(wire::kHasInput, 0)}) {
    if ((fork.channel_bits & bit) != 0) passed[static_cast<std::size_t>(place)] = fork.channels[next++].get();
  }
  fork.number = ++made_by.numbers;
  VIRGA_TRY(watch(around_.epoll, handshake.first.get(), key_of(fork.serial, Which::Handshake)));
  fork.handshake = std::move(handshake.first);
  VIRGA_TRY(ask_for_fork(made_by.socket, fork.number, passed));
  fork.step_begin = Clock::now();
  fork.channels.clear();
  fork.rules.reset();
  return {};
}

void Forks::go_home(Template& made_by) {
  if (made_by.root != Root::Another) return;
  made_by.root = Root::Returning;
  if (!order_door(made_by.door, DoorReturn)) give_up_on(made_by, "the template's root could not be changed");
}

void Forks::answered(Template& made_by, std::uint64_t number) {
  One* fork = find(made_by.asked);
  // Only the answer to the question that was put counts.
  bool is_it = made_by.asked != 0 && (fork == nullptr || fork->number == number) && made_by.numbers == number;
  if (!is_it) return;
  made_by.asked = 0;
}

void Forks::read_words(Template& made_by) {
  constexpr int kMostAtOnce = 16;  // the rest in the next round, after others had their turn
  for (int count = 0; count < kMostAtOnce && made_by.socket.valid(); ++count) {
    auto word = read_word(made_by.socket);
    if (!word) return give_up_on(made_by, "the template makes no more forks");
    if (!*word) break;
    const ForkWord& said = **word;
    std::uint64_t asked = made_by.asked;
    switch (said.kind) {
      case ForkWord::Forked: {
        answered(made_by, said.number);
        One* fork = find(asked);
        if (made_by.asked == 0 && fork != nullptr && fork->state == State::Asked && !fork->handshake.valid()) {
          fail_fork(*fork, Error(ErrorCode::Unavailable, kEndedEarly));
        }
        break;
      }
      case ForkWord::Failed: {
        answered(made_by, said.number);
        if (asked == 0 || made_by.asked != 0) break;
        go_home(made_by);
        One* fork = find(asked);
        if (fork == nullptr || fork->state != State::Asked) break;
        fail_fork(*fork, Error(ErrorCode::Unavailable, std::string("the template could not fork: ") +
                                                           std::strerror(std::clamp(said.value, 0, kMostErrno))));
        break;
      }
      case ForkWord::Ended: {
        for (One* fork : forks_of(made_by.serial)) {
          if (fork->number != said.number || fork->status || fork->state < State::Joining) continue;
          fork->status = said.value;
          if (fork->state == State::Ending) sweep(*fork);
          break;
        }
        break;
      }
      default:
        return give_up_on(made_by, "the template said what it should not");
    }
  }
  begin(made_by);
}

void Forks::read_handshake(One& fork) {
  auto sender = read_sender(fork.handshake);
  if (sender && !*sender) return;
  Template* made_by = template_of(fork.of);
  bool was_asked = fork.state == State::Asked;
  if (!sender && was_asked && made_by != nullptr && made_by->asked == fork.serial) {
    // The template has not said yet whether it made one; what it says is worth more.
    forget(around_.epoll, fork.handshake);
    fork.handshake.reset();
    return;
  }
  Result<> done =
      sender ? (was_asked ? greet(fork, **sender) : let_go(fork, **sender)) : Result<>(std::unexpected(sender.error()));
  // The copy of the template's root that the fork has was made before it could speak.
  if (was_asked && made_by != nullptr) go_home(*made_by);
  if (!done) fail_fork(fork, done.error());
}

// The fork said its first word. Whoever it is has to be a child of the template's program, alone in its process.
Result<> Forks::greet(One& fork, pid_t sender) {
  Template* made_by = template_of(fork.of);
  if (made_by == nullptr) return fail(ErrorCode::Unavailable, "the template has ended");
  fork.phases.exec = since(fork.step_begin);
  os::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, sender, 0)));
  auto claimant = look_at(sender);
  // While the process lives its number is nobody else's: if it does now, all that was read is about it.
  if (!process.valid() || !claimant || has_ended(process)) {
    return fail(ErrorCode::Unavailable, kEndedEarly);
  }
  if (claimant->parent != made_by->pid || claimant->user != made_by->host_id || claimant->threads != 1) {
    return fail(ErrorCode::Conflict, "what answered is no new fork of the template's program");
  }
  auto known =
      std::find_if(forks_.begin(), forks_.end(), [&](const auto& entry) { return entry.second->pid == sender; });
  if (known != forks_.end() && !known->second->exited) {
    return fail(ErrorCode::Conflict, "one fork answered for another");
  }
  VIRGA_TRY(watch(around_.epoll, process.get(), key_of(fork.serial, Which::ForkProcess)));
  fork.process = std::move(process);
  fork.pid = sender;
  fork.inside = claimant->inside;
  fork.state = State::Joining;
  fork.step_begin = Clock::now();
  if (fork.killed) return fail(ErrorCode::Cancelled, "the start was cancelled");
  VIRGA_TRY_ASSIGN(auto joins, fork.cgroup->open_joins());
  std::vector<int> passed;
  for (const auto& file : joins) passed.push_back(file.get());
  return os::send_message(fork.handshake, "j", passed);
}

// It says that it has joined.
Result<> Forks::let_go(One& fork, pid_t sender) {
  // Where a thread joins by itself, another one could have stayed behind.
  auto claimant = look_at(fork.pid);
  if (sender != fork.pid || !fork.cgroup->has(fork.pid) || !claimant || claimant->threads != 1) {
    return fail(ErrorCode::Conflict, "the fork did not enter its control groups");
  }
  VIRGA_TRY(lower_fork_limits(fork.pid, fork.limits));
  if (has_ended(fork.process)) return fail(ErrorCode::Unavailable, kEndedEarly);
  VIRGA_TRY(os::send_message(fork.handshake, "g"));
  fork.phases.policy = since(fork.step_begin);
  forget(around_.epoll, fork.handshake);
  fork.handshake.reset();
  fork.state = State::Running;
  fork.started = true;
  fork.phases.total = since(fork.arrival);
  Started started;
  started.id = fork.id;
  started.phases = fork.phases;
  around_.tell(std::move(started));
  return {};
}

// It makes no more forks; those that are there live on. Its program is ended, because what it would do with a question
// that nobody waits for any more is not known.
void Forks::give_up_on(Template& made_by, const char* why) {
  if (!made_by.program_ended) (void)::syscall(SYS_pidfd_send_signal, made_by.program.get(), SIGKILL, nullptr, 0);
  made_by.takes_no_more = true;
  made_by.asked = 0;
  forget(around_.epoll, made_by.socket);
  made_by.socket.reset();
  made_by.waiting.clear();
  for (One* fork : forks_of(made_by.serial)) {
    if (fork->state == State::Waiting || fork->state == State::Asked) {
      fail_fork(*fork, Error(ErrorCode::Unavailable, why));
    }
  }
}

}  // namespace virga::sandbox::spawn
