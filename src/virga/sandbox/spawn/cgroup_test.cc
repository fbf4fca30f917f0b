#include "virga/sandbox/spawn/cgroup.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "virga/os/file.h"
#include "virga/sandbox/internal/cgroup_files.h"

namespace virga::sandbox::spawn {
namespace {

std::string self_file(const char* name) {
  auto text = os::read_file(std::string("/proc/self/") + name);
  return text ? *text : std::string();
}

// A child that sleeps; with `group`, born in it.
pid_t sleeper(int group, int* process) {
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | (group >= 0 ? CLONE_INTO_CGROUP : 0);
  arguments.pidfd = reinterpret_cast<std::uint64_t>(process);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = group >= 0 ? static_cast<std::uint64_t>(group) : 0;
  auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  return pid;
}

// Needs root and a v2 tree, but none of its controllers.
TEST(CgroupV2, EndsWhatIsInItEvenFrozen) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto mounts = parse_cgroup_mounts(self_file("mountinfo"));
  auto v2 = std::find_if(mounts.begin(), mounts.end(), [](const CgroupMount& mount) { return mount.v2; });
  if (v2 == mounts.end()) GTEST_SKIP() << "cgroup v2 is not mounted";
  auto group = create_group_v2(v2->path + "/virga-test-" + std::to_string(::getpid()));
  if (!group) GTEST_SKIP() << group.error().message();
  int process = -1;
  pid_t pid = sleeper((*group)->clone_target(), &process);
  ASSERT_GT(pid, 0);
  EXPECT_FALSE((*group)->remove()) << "a group with a process in it was removed";
  EXPECT_TRUE((*group)->freeze());
  (*group)->kill();
  pollfd ended{process, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10000), 1);
  ::close(process);
  ::waitpid(pid, nullptr, 0);
  bool removed = false;
  for (int round = 0; round < 200 && !(removed = (*group)->remove()); ++round) ::poll(nullptr, 0, 10);
  EXPECT_TRUE(removed);
}

TEST(CgroupV2, SaysWhichControllerIsMissing) {
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  ASSERT_TRUE(os::write_file_durably(folder->path() + "/cgroup.controllers", "cpu memory\n"));
  std::string mountinfo = "33 30 0:29 / " + folder->path() + " rw - cgroup2 cgroup2 rw\n";
  auto groups = open_cgroups_v2(mountinfo, "0::/\n", "virga-x");
  ASSERT_FALSE(groups);
  EXPECT_NE(groups.error().message().find("pids"), std::string::npos) << groups.error().message();
}

// The kind of this machine, whichever it is, with real limits.
TEST(Cgroups, CountsLimitsAndRemoves) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  auto groups = Cgroups::open(folder->path());
  if (!groups) GTEST_SKIP() << groups.error().message();
  auto group = (*groups)->create("one");
  ASSERT_TRUE(group) << group.error().message();
  EXPECT_FALSE((*groups)->create("one"));
  EXPECT_TRUE((*group)->set_limits({.memory_bytes = 64u << 20, .cpus = 0.5, .init_cpus = 2}));
  EXPECT_TRUE((*group)->set_cpus(0.5));
  EXPECT_TRUE((*group)->set_cpus(0));
  EXPECT_EQ((*group)->usage().oom_kills, 0u);
  EXPECT_TRUE((*group)->remove());
  // A daemon that vanished left a group; the next one with this folder finds none.
  ASSERT_TRUE((*groups)->create("left"));
  groups = Cgroups::open(folder->path());
  ASSERT_TRUE(groups) << groups.error().message();
  auto again = (*groups)->create("left");
  EXPECT_TRUE(again);
  (*groups)->remove();
}

// A helper that died left a frozen process; v1 lets it die of no signal before it thaws.
TEST(Cgroups, EndsAFrozenProcessThatWasLeft) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  auto groups = Cgroups::open(folder->path());
  if (!groups) GTEST_SKIP() << groups.error().message();
  auto group = (*groups)->create("frozen");
  ASSERT_TRUE(group) << group.error().message();
  int process = -1;
  pid_t pid = sleeper((*group)->clone_target(), &process);
  ASSERT_GT(pid, 0);
  auto number = std::to_string(pid);
  for (const auto& join : (*group)->join_files()) {
    ASSERT_EQ(::write(join.get(), number.data(), number.size()), static_cast<ssize_t>(number.size()));
  }
  EXPECT_TRUE((*group)->freeze());
  ::kill(pid, SIGKILL);
  groups = Cgroups::open(folder->path());
  EXPECT_TRUE(groups) << groups.error().message();
  pollfd ended{process, POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10000), 1);
  ::close(process);
  ::waitpid(pid, nullptr, 0);
  if (groups) (*groups)->remove();
}

// As a fork does: a process of one thread joins by itself, and all that is in the group is ended.
TEST(Cgroups, LetsAProcessJoinByItselfAndEndsItsMembers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  auto groups = Cgroups::open(folder->path());
  if (!groups) GTEST_SKIP() << groups.error().message();
  auto group = (*groups)->create("fork");
  ASSERT_TRUE(group) << group.error().message();
  EXPECT_TRUE((*group)->set_limits({}));
  (*group)->spare_others();
  auto joins = (*group)->open_joins();
  ASSERT_TRUE(joins) << joins.error().message();
  pid_t joiner = ::fork();
  if (joiner == 0) {
    for (const auto& file : *joins) {
      if (::write(file.get(), "0", 1) != 1) ::_exit(1);
    }
    (void)!::fork();  // its children are members as well
    ::raise(SIGSTOP);
    ::pause();
    ::_exit(0);
  }
  ::waitpid(joiner, nullptr, WUNTRACED);
  EXPECT_TRUE((*group)->has(joiner));
  EXPECT_FALSE((*group)->has(::getpid()));
  EXPECT_TRUE((*group)->freeze());
  bool ended = false;
  for (int round = 0; round < 500 && !(ended = (*group)->end_members()); ++round) ::poll(nullptr, 0, 10);
  EXPECT_TRUE(ended);
  int status = 0;
  EXPECT_EQ(::waitpid(joiner, &status, 0), joiner);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE((*group)->has(joiner));
  bool removed = false;
  for (int round = 0; round < 500 && !(removed = (*group)->remove()); ++round) ::poll(nullptr, 0, 10);
  EXPECT_TRUE(removed);
  (*groups)->remove();
}

}  // namespace
}  // namespace virga::sandbox::spawn
