// virga-spawn: the small privileged process that makes and ends sandboxes for the daemon. It is linked statically and
// run from a sealed memfd, so nothing a sandbox could reach is ever part of it.
//
//   virga-spawn root|rootless FIRST_ID ID_COUNT BLANKS OWNER STATE_DIRECTORY [r:FOLDER|w:FOLDER|e:RANGE|s:PORT]...
//
// Descriptor 3 is the socket over which the daemon asks for a helper; see keeper.h.

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "virga/base/problems.h"
#include "virga/os/errno.h"
#include "virga/os/file.h"
#include "virga/sandbox/internal/image.h"
#include "virga/sandbox/spawn/keeper.h"
#include "virga/sandbox/spawn/policy.h"
#include "virga/sandbox/spawn/roots.h"
#include "virga/sandbox/spawn/spawner.h"

namespace virga::sandbox::spawn {
namespace {

constexpr int kControlSocket = 3;

// The daemon may have blocked or ignored signals; programs in sandboxes must not inherit that.
void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  // Whoever stops Virga stops the daemon, and this process sees the socket close. A handler, unlike "ignore", does not
  // outlive exec.
  for (int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, [](int) {});
}

Result<> write_file(const char* path, const std::string& text) {
  os::Descriptor fd(::open(path, O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) < 0) return os::fail_errno("write", path);
  return {};
}

// Without root, this process becomes root of a namespace in which it is the only user: then it may mount and clone.
Result<> become_root_of_own_namespace() {
  std::string user = "0 " + std::to_string(::geteuid()) + " 1\n";
  std::string group = "0 " + std::to_string(::getegid()) + " 1\n";
  if (::unshare(CLONE_NEWUSER) != 0) {
    Error error = os::errno_error("make a user namespace");
    return fail(problem::kNoUserNamespaces,
                "without root Virga needs unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, "
                "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns): " +
                    error.message());
  }
  VIRGA_TRY(write_file("/proc/self/setgroups", "deny"));
  VIRGA_TRY(write_file("/proc/self/uid_map", user));
  return write_file("/proc/self/gid_map", group);
}

struct Arguments {
  bool is_root = false;
  Spawner::Settings settings;
  std::string state_directory;
  std::uint32_t owner = 0;
  std::uint16_t services_port = 0;
  std::vector<Roots::Folder> folders;
};

// One helper for each state folder: the helper of a daemon that was killed is still tidying up when the next daemon
// starts, and what it removes has the same names. The lock is the kernel's and ends with the process.
Result<os::Descriptor> wait_for_the_last_helper(const std::string& state_directory) {
  os::Descriptor folder(::open(state_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() && errno == ENOENT) return folder;  // nothing was ever started for it
  if (!folder.valid()) return os::fail_errno("open", state_directory);
  constexpr int kRounds = 1000;
  for (int round = 0; ::flock(folder.get(), LOCK_EX | LOCK_NB) != 0; ++round) {
    if (errno != EWOULDBLOCK) return os::fail_errno("lock", state_directory);
    if (round == kRounds) {
      return fail(problem::kHelperStillWorks,
                  "another virga-spawn still works for " + state_directory + " after 10 s: end it, then start again");
    }
    ::poll(nullptr, 0, 10);
  }
  return folder;
}

// A helper without root's powers is the daemon's user wholly, whoever started it: what its sandboxes write must be the
// daemon's, whose the state folder is.
Result<> become_owner(const Arguments& arguments) {
  struct stat status{};
  if (::stat(arguments.state_directory.c_str(), &status) != 0) return os::fail_errno("stat", arguments.state_directory);
  if (::setgroups(0, nullptr) != 0) return os::fail_errno("setgroups");
  if (::setresgid(status.st_gid, status.st_gid, status.st_gid) != 0) return os::fail_errno("setresgid");
  if (::setresuid(arguments.owner, arguments.owner, arguments.owner) != 0) return os::fail_errno("setresuid");
  // The change made this process's own id maps root's.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return os::fail_errno("prctl dumpable");
  return {};
}

// What the keeper and every helper it forks share.
Result<> settle(const Arguments& arguments) {
  reset_signals();
  ::setsid();  // a Ctrl-C in the daemon's terminal is the daemon's business
  ::umask(022);
  (void)::prctl(PR_SET_NAME, "virga-keeper", 0, 0, 0);
  // Programs get their own limit; this process holds descriptors for all of them.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  if (arguments.is_root && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os::fail_errno("prctl dumpable");
  if (::access(arguments.state_directory.c_str(), F_OK) != 0) {
    VIRGA_TRY(os::make_directories(arguments.state_directory, 0700));
  }
  if (!arguments.is_root && ::geteuid() == 0 && arguments.owner != 0) VIRGA_TRY(become_owner(arguments));
  return {};
}

// Where a helper prepares what sandboxes see: a folder that is on every machine and the daemon's in none, so that
// nobody can turn it into another while it is used. Only the helper sees what it mounts there.
constexpr const char* kWorkshop = "/tmp";

Result<> help(const Arguments& arguments, const Roots& given, os::Descriptor daemon) {
  VIRGA_TRY_ASSIGN(auto lock, wait_for_the_last_helper(arguments.state_directory));
  // Groups first: without root, the files of a delegated subtree belong to the user outside.
  auto cgroups = Cgroups::open(arguments.state_directory);
  if (!cgroups && arguments.is_root) {
    return fail(problem::kNoCgroups, "no cgroups for the limits: " + cgroups.error().message());
  }
  if (!arguments.is_root) VIRGA_TRY(become_root_of_own_namespace());
  // A mount namespace of its own: the host sees none of the mounts below, and its own changes still arrive.
  if (::unshare(CLONE_NEWNS) != 0) return os::fail_errno("make a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return os::fail_errno("mount / as slave");
  // Before the workshop may cover the folder. Opened anew, because the lock goes with its description.
  os::Descriptor folder(::openat(lock.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto disks = arguments.is_root ? Disks::open(std::move(folder), arguments.state_directory, arguments.settings.blanks)
                                 : Result<Disks>(fail(ErrorCode::Unimplemented, "disks need root"));
  VIRGA_TRY_ASSIGN(auto roots, given.open_again());
  VIRGA_TRY_ASSIGN(auto workshop, Workshop::create(kWorkshop));
  // Nobody may read the image, so a process that runs it cannot be traced from its first instruction on.
  VIRGA_TRY_ASSIGN(auto init, sealed_image("virga-init", embedded_init(), 0111));
  auto filters = make_seccomp_filters();
  Ground ground{arguments.is_root,      arguments.owner, filters, landlock_abi(), init, workshop, roots,
                arguments.services_port};
  auto settings = arguments.settings;
  if (!disks && arguments.is_root) settings.notice = disks.error().message();
  Spawner spawner(std::move(daemon), ground, workshop, cgroups ? cgroups->get() : nullptr, disks ? &*disks : nullptr,
                  std::move(settings));
  VIRGA_TRY(spawner.prepare());
  spawner.run();
  return {};
}

int run(const Arguments& arguments) {
  os::Descriptor control(kControlSocket);
  auto settled = settle(arguments);
  auto roots = settled ? Roots::open(arguments.folders) : Result<Roots>(std::unexpected(settled.error()));
  if (!roots) {
    char word[wire::kStartHelper.size()];
    (void)os::receive_message(control, word);  // a socket closed with something unread would lose the answer
    (void)os::send_message(control, wire::encode(wire::Unable{roots.error()}));
    return 1;
  }
  Keeper keeper(std::move(control), [&](os::Descriptor daemon) {
    // The spawner owns the socket and closes it; the duplicate is for the word that it could not begin.
    os::Descriptor last(::fcntl(daemon.get(), F_DUPFD_CLOEXEC, 0));
    auto done = help(arguments, *roots, std::move(daemon));
    if (!done) (void)os::send_message(last, wire::encode(wire::Unable{done.error()}));
    return done ? 0 : 1;
  });
  keeper.run();
  return 0;
}

bool number(const char* text, std::uint32_t& value) {
  auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  return error == std::errc() && *end == '\0';
}

}  // namespace
}  // namespace virga::sandbox::spawn

int main(int count, char** values) {
  using namespace virga::sandbox;
  spawn::Arguments arguments;
  bool understood = count >= 7 && spawn::number(values[2], arguments.settings.first_id) &&
                    spawn::number(values[3], arguments.settings.id_count) &&
                    spawn::number(values[4], arguments.settings.blanks) && spawn::number(values[5], arguments.owner);
  for (int i = 7; i < count && understood; ++i) {
    std::string_view text(values[i]);
    if (text.starts_with("e:")) {
      auto range = spawn::read_range(std::string(text.substr(2)));
      understood = range.has_value();
      if (range) arguments.settings.egress_allowed.push_back(std::move(*range));
      continue;
    }
    if (text.starts_with("s:")) {
      std::uint32_t port = 0;
      understood = spawn::number(values[i] + 2, port) && port > 0 && port <= 0xffff;
      arguments.services_port = static_cast<std::uint16_t>(port);
      continue;
    }
    understood = text.starts_with("r:") || text.starts_with("w:");
    auto access = text.starts_with("w:") ? spawn::Access::ReadWrite : spawn::Access::ReadOnly;
    arguments.folders.push_back({std::string(text.substr(std::min<std::size_t>(2, text.size()))), access});
  }
  if (!understood) {
    static constexpr char kUsage[] = "virga-spawn is started by virga, not by hand\n";
    (void)!::write(2, kUsage, sizeof(kUsage) - 1);
    return 2;
  }
  arguments.is_root = std::strcmp(values[1], "root") == 0;
  arguments.state_directory = values[6];
  arguments.settings.state_directory = values[6];
  return spawn::run(arguments);
}
