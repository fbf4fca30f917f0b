#include "virga/sandbox/helper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "virga/os/file.h"
#include "virga/os/socket.h"
#include "virga/sandbox/testing/helper_fixture.h"

namespace virga::sandbox {
namespace {

TEST_F(HelperTest, RunsAProgramAndTellsItsExitCode) {
  Ended ended;
  EXPECT_EQ(output_of(shell("echo hello; exit 3"), &ended), "hello\n");
  EXPECT_EQ(ended.reason, EndReason::Exited);
  EXPECT_EQ(ended.status, 3);
}

// Primed blanks, blanks that are not, and those made on demand give the same.
TEST_F(HelperTest, StartsTheSameFromEveryKindOfBlank) {
  helper_.emplace(Helper::start(options(4, "/many")).value());
  Spec spec = shell(
      "pwd; cat /var/task/f /opt/l /var/runtime/r; umask; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; "
      "cat /proc/self/limits; head -1 /proc/meminfo; stat -f -c %b:%S /tmp; ls /proc/self/fd; "
      "for d in /var/task /opt /var/runtime /usr /etc /; do touch $d/x 2>/dev/null && echo writable $d; done; env");
  spec.code_directory = make_folder("code", "f", "code\n");
  spec.layer_directories = {make_folder("layer", "l", "layer\n")};
  spec.runtime_directory = make_folder("runtime", "r", "runtime\n");
  spec.limits.memory_bytes = 100u << 20;
  spec.limits.tmp_bytes = 8u << 20;
  std::set<std::string> outputs;
  for (int round = 0; round < 3; ++round) {
    // Long enough for the blanks to be primed, though nothing below depends on it.
    (void)::poll(nullptr, 0, 100);
    for (int i = 0; i < 4; ++i) {
      spec.id = ++last_id_;
      outputs.insert(output_of(spec));
    }
  }
  EXPECT_EQ(outputs.size(), 1u) << *outputs.begin() << *outputs.rbegin();
}

TEST_F(HelperTest, TellsTheSignal) {
  Ended ended;
  (void)output_of(shell("kill -SEGV $$"), &ended);
  EXPECT_EQ(ended.reason, EndReason::Signalled);
  EXPECT_EQ(ended.status, SIGSEGV);
}

TEST_F(HelperTest, ShowsCodeLayersAndRuntimeReadOnly) {
  Spec spec = shell(
      "cat /var/task/f /opt/shared /opt/first /var/runtime/r; for d in /var/task /opt /var/runtime; do "
      "touch $d/x 2>/dev/null && echo writable $d; done; true");
  spec.code_directory = make_folder("code", "f", "code\n");
  spec.layer_directories = {make_folder("one", "shared", "one\n"), make_folder("two", "shared", "two\n")};
  make_folder("one", "first", "first\n");
  spec.runtime_directory = make_folder("runtime", "r", "runtime\n");
  EXPECT_EQ(output_of(spec), "code\ntwo\nfirst\nruntime\n");
}

TEST_F(HelperTest, WritesOutputThatBelongsToTheFoldersOwner) {
  Spec spec = shell("echo made > /var/output/file && echo done");
  spec.output_directory = make_folder("out", "kept", "");
  EXPECT_EQ(output_of(spec), "done\n");
  struct stat made{};
  ASSERT_EQ(::stat((spec.output_directory + "/file").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, ::geteuid());
}

TEST_F(HelperTest, RefusesAFolderBehindASymlink) {
  std::string real = make_folder("code", "f", "x");
  std::filesystem::create_symlink(real, folder_->path() + "/link");
  Spec spec = shell("true");
  spec.code_directory = folder_->path() + "/link";
  ASSERT_TRUE(helper_->start(spec, {}));
  auto failed = expect<StartFailed>();
  EXPECT_EQ(failed.id, spec.id);
  EXPECT_NE(failed.error.message().find("symlink"), std::string::npos) << failed.error.message();
}

TEST_F(HelperTest, SaysWhichProgramIsMissing) {
  Spec spec = shell("");
  spec.arguments = {"/usr/bin/no-such-program"};
  ASSERT_TRUE(helper_->start(spec, {}));
  auto failed = expect<StartFailed>();
  EXPECT_EQ(failed.error.code(), ErrorCode::NotFound);
  EXPECT_NE(failed.error.message().find("no-such-program"), std::string::npos);
}

// Also from primed blanks, and however the ends of processes and what they say come in.
TEST_F(HelperTest, SaysSoEveryTime) {
  helper_.emplace(Helper::start(options(4, "/many")).value());
  for (int round = 0; round < 60; ++round) {
    (void)::poll(nullptr, 0, 10);  // time to make the next blanks, which nothing depends on
    Spec spec = shell("");
    spec.arguments = {"/usr/bin/no-such-program"};
    ASSERT_TRUE(helper_->start(spec, {}));
    EXPECT_EQ(expect<StartFailed>().error.code(), ErrorCode::NotFound);
    if (HasFailure()) return;
  }
}

TEST_F(HelperTest, RefusesABadSpecificationAtOnce) {
  Spec spec = shell("true");
  spec.environment = {"nonsense"};
  auto asked = helper_->start(spec, {});
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code(), ErrorCode::InvalidArgument);
}

TEST_F(HelperTest, RefusesAnIdThatRuns) {
  Spec spec = shell("sleep 60");
  ASSERT_TRUE(helper_->start(spec, {}));
  (void)expect<Started>();
  ASSERT_TRUE(helper_->start(spec, {}));
  EXPECT_EQ(expect<StartFailed>().error.code(), ErrorCode::AlreadyExists);
}

TEST_F(HelperTest, GivesTheFramesAsDescriptorThree) {
  auto pair = os::socket_pair(SOCK_STREAM);
  ASSERT_TRUE(pair);
  Spec spec = shell("read line <&3; echo got $line >&3");
  ASSERT_TRUE(helper_->start(spec, {.frames = pair->second.get()}));
  pair->second.reset();
  (void)expect<Started>();
  ASSERT_EQ(::write(pair->first.get(), "ping\n", 5), 5);
  char buffer[64];
  ssize_t size = ::read(pair->first.get(), buffer, sizeof(buffer));
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(size)), "got ping\n");
  (void)expect<Ended>();
}

TEST_F(HelperTest, HandsOutAListenerInsideTheSandbox) {
  Spec spec = shell("");
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "/usr/bin/python3 is not there";
  spec.arguments = {"/usr/bin/python3", "-c",
                    "import socket; s = socket.create_connection(('127.0.0.1', 9001)); s.sendall(b'hi'); s.recv(1)"};
  spec.runtime_api_listener = true;
  ASSERT_TRUE(helper_->start(spec, {}));
  auto started = expect<Started>();
  ASSERT_TRUE(started.listener.valid());
  pollfd waiting{started.listener.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, kPatience), 1);
  os::Descriptor connection(::accept4(started.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char buffer[2];
  EXPECT_EQ(::read(connection.get(), buffer, 2), 2);
  connection.reset();
  EXPECT_EQ(expect<Ended>().status, 0);
}

// Whatever the sandbox is made of: the first of these takes a primed blank if one is there, the others cannot.
TEST_F(HelperTest, HandsOutAListenerForServicesOfWhoHasALoopback) {
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "/usr/bin/python3 is not there";
  constexpr std::uint16_t kPort = 4601;
  auto with_services = options(4, "/services");
  with_services.services_port = kPort;
  helper_.emplace(Helper::start(std::move(with_services)).value());
  (void)::poll(nullptr, 0, 100);  // long enough for a blank to be primed, though nothing below depends on it
  for (auto stage : {Stage::Whole, Stage::Stem}) {
    for (bool runtime_api : {false, true}) {
      if (stage == Stage::Stem && runtime_api) continue;
      Spec spec = shell("");
      spec.arguments = {
          "/usr/bin/python3", "-c",
          "import socket; s = socket.create_connection(('127.0.0.1', 4601)); s.sendall(b'hi'); s.recv(1)"};
      spec.stage = stage;
      spec.runtime_api_listener = runtime_api;
      spec.working_directory = "/";
      ASSERT_TRUE(helper_->start(spec, {}));
      auto started = expect<Started>();
      EXPECT_EQ(started.listener.valid(), runtime_api);
      ASSERT_TRUE(started.services_listener.valid());
      pollfd waiting{started.services_listener.get(), POLLIN, 0};
      ASSERT_EQ(::poll(&waiting, 1, kPatience), 1);
      os::Descriptor connection(::accept4(started.services_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char buffer[2];
      EXPECT_EQ(::read(connection.get(), buffer, 2), 2);
      connection.reset();
      EXPECT_EQ(expect<Ended>().status, 0);
    }
  }
  Spec alone = shell("");
  alone.network = Network::None;
  ASSERT_TRUE(helper_->start(alone, {}));
  EXPECT_FALSE(expect<Started>().services_listener.valid());
  (void)expect<Ended>();
}

TEST_F(HelperTest, GivesAStemItsTask) {
  Spec stem = shell(
      "until test -e /var/task/f; do read -t 0.01 x; done; cd /var/task; cat f /opt/l; head -1 /proc/meminfo; "
      "touch f 2>/dev/null && echo writable; df -k /tmp | tail -1 | { read a size b; echo tmp $size; }");
  stem.arguments[0] = "/bin/bash";
  stem.stage = Stage::Stem;
  auto pipe = os::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_TRUE(helper_->start(stem, {.output = pipe->writer.get()}));
  pipe->writer.reset();
  (void)expect<Started>();
  Binding binding;
  binding.id = stem.id;
  binding.code_directory = make_folder("code", "f", "code\n");
  binding.layer_directories = {make_folder("layer", "l", "layer\n")};
  binding.limits.memory_bytes = 100u << 20;
  binding.limits.tmp_bytes = 8u << 20;
  ASSERT_TRUE(helper_->bind(binding));
  auto bound = expect<Bound>();
  EXPECT_EQ(bound.id, stem.id);
  EXPECT_GT(bound.phases.total.count(), 0);
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = ::read(pipe->reader.get(), buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  EXPECT_EQ(text, "code\nlayer\nMemTotal: 102400 kB\ntmp 8192\n");
  EXPECT_EQ(expect<Ended>().reason, EndReason::Exited);
  // The helper is at home again.
  EXPECT_EQ(output_of(shell("ls /var/task")), "");
}

TEST_F(HelperTest, BindsAStemOnceAndNothingElse) {
  Spec stem = shell("sleep 60");
  stem.stage = Stage::Stem;
  ASSERT_TRUE(helper_->start(stem, {}));
  (void)expect<Started>();
  Binding binding;
  binding.id = stem.id;
  ASSERT_TRUE(helper_->bind(binding));
  (void)expect<Bound>();
  ASSERT_TRUE(helper_->bind(binding));
  EXPECT_EQ(expect<BindFailed>().error.code(), ErrorCode::Conflict);
  Spec whole = shell("sleep 60");
  ASSERT_TRUE(helper_->start(whole, {}));
  (void)expect<Started>();
  binding.id = whole.id;
  ASSERT_TRUE(helper_->bind(binding));
  EXPECT_EQ(expect<BindFailed>().error.code(), ErrorCode::Conflict);
}

TEST_F(HelperTest, EndsAStemThatCannotHaveItsTask) {
  Spec stem = shell("sleep 60");
  stem.stage = Stage::Stem;
  ASSERT_TRUE(helper_->start(stem, {}));
  (void)expect<Started>();
  Binding binding;
  binding.id = stem.id;
  binding.code_directory = folder_->path() + "/nowhere";
  ASSERT_TRUE(helper_->bind(binding));
  EXPECT_EQ(expect<BindFailed>().error.code(), ErrorCode::NotFound);
  EXPECT_EQ(expect<Ended>().reason, EndReason::Killed);
}

TEST_F(HelperTest, HoldsABoundStemToItsMemoryLimit) {
  if (!helper_->has_cgroups()) GTEST_SKIP() << "no cgroups: memory is limited for each process only";
  Spec stem = shell("until test -e /var/task/f; do read -t 0.01 x; done; exec tail /dev/zero");
  stem.arguments[0] = "/bin/bash";
  stem.stage = Stage::Stem;
  ASSERT_TRUE(helper_->start(stem, {}));
  (void)expect<Started>();
  Binding binding;
  binding.id = stem.id;
  binding.code_directory = make_folder("code", "f", "");
  binding.limits.memory_bytes = 32u << 20;
  ASSERT_TRUE(helper_->bind(binding));
  (void)expect<Bound>();
  EXPECT_EQ(expect<Ended>().reason, EndReason::OutOfMemory);
}

TEST_F(HelperTest, EndsTheWholeTreeOnKill) {
  Spec spec = shell("sleep 1000 & setsid sleep 1000 & wait");
  ASSERT_TRUE(helper_->start(spec, {}));
  (void)expect<Started>();
  ASSERT_TRUE(helper_->kill(spec.id));
  EXPECT_EQ(expect<Ended>().reason, EndReason::Killed);
  ASSERT_TRUE(helper_->kill(spec.id));  // again: no error, no event
  EXPECT_EQ(output_of(shell("echo next")), "next\n");
}

TEST_F(HelperTest, EndsAtItsMemoryLimit) {
  if (!helper_->has_cgroups()) GTEST_SKIP() << "no cgroups: memory is limited for each process only";
  Ended ended;
  Spec spec = shell("exec tail /dev/zero");  // keeps what it read until a line ends
  spec.limits.memory_bytes = 32u << 20;
  (void)output_of(spec, &ended);
  EXPECT_EQ(ended.reason, EndReason::OutOfMemory);
  EXPECT_GE(ended.oom_kills, 1u);
  EXPECT_GT(ended.peak_memory_bytes, 16u << 20);
}

TEST_F(HelperTest, AnswersQueries) {
  Spec spec = shell("sleep 60");
  ASSERT_TRUE(helper_->start(spec, {}));
  (void)expect<Started>();
  ASSERT_TRUE(helper_->query(spec.id));
  auto usage = expect<Usage>();
  EXPECT_EQ(usage.id, spec.id);
  if (helper_->has_cgroups()) {
    EXPECT_GT(usage.memory_bytes, 0u);
    EXPECT_GE(usage.processes, 1u);
  }
}

TEST_F(HelperTest, NoticesThatTheHelperIsGone) {
  ASSERT_EQ(::kill(helper_->pid(), SIGKILL), 0);
  // Whatever was on its way first; then the end.
  auto event = helper_->receive();
  while (event) {
    pollfd waiting{helper_->descriptor(), POLLIN, 0};
    if (!*event) ASSERT_EQ(::poll(&waiting, 1, kPatience), 1);
    event = helper_->receive();
  }
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code(), ErrorCode::Unavailable);
  helper_.reset();
  // The next one with the same state folder takes over and removes what was left.
  auto again = Helper::start(options(0));
  ASSERT_TRUE(again) << again.error().message();
  helper_.emplace(std::move(*again));
  EXPECT_EQ(output_of(shell("echo again")), "again\n");
}

TEST_F(HelperTest, StartsAgainAfterTheHelpersDeath) {
  pid_t first = helper_->pid();
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  while (helper_->receive()) {
    pollfd waiting{helper_->descriptor(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, kPatience), 1);
  }
  auto again = helper_->start_again();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_NE(helper_->pid(), first);
  Spec spec = shell("cat /var/task/f");
  spec.code_directory = make_folder("code", "f", "code\n");  // the folders of the start still hold
  EXPECT_EQ(output_of(spec), "code\n");
}

TEST_F(HelperTest, ReplacesAHelperThatLives) {
  pid_t first = helper_->pid();
  auto again = helper_->start_again();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_NE(::kill(first, 0), 0) << "two helpers of one daemon";
  EXPECT_EQ(output_of(shell("echo again")), "again\n");
}

TEST_F(HelperTest, RefusesHostFoldersItWasNotGiven) {
  for (const char* folder : {"/etc", "/root", "/"}) {
    for (int which = 0; which < 4; ++which) {
      Spec spec = shell("true");
      if (which == 0) spec.code_directory = folder;
      if (which == 1) spec.runtime_directory = folder;
      if (which == 2) spec.layer_directories = {folder_->path(), folder};
      if (which == 3) spec.output_directory = folder;
      ASSERT_TRUE(helper_->start(spec, {}));
      auto failed = expect<StartFailed>();
      EXPECT_EQ(failed.error.code(), ErrorCode::PermissionDenied) << folder << ": " << failed.error.message();
    }
  }
  EXPECT_EQ(output_of(shell("echo alive")), "alive\n");
}

TEST_F(HelperTest, RefusesAnOutputFolderOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a folder of another user";
  Spec spec = shell("true");
  spec.output_directory = make_folder("out", "kept", "");
  ASSERT_EQ(::chown(spec.output_directory.c_str(), 12345, 12345), 0);
  ASSERT_TRUE(helper_->start(spec, {}));
  auto failed = expect<StartFailed>();
  EXPECT_EQ(failed.error.code(), ErrorCode::PermissionDenied) << failed.error.message();
}

TEST_F(HelperTest, WritesOutputForTheUserTheDaemonIsGoingToBe) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root starts a daemon of another user";
  helper_.reset();
  auto given = options(0);
  given.owner = 12345;
  auto helper = Helper::start(given);
  ASSERT_TRUE(helper) << helper.error().message();
  helper_.emplace(std::move(*helper));
  Spec spec = shell("echo made > /var/output/file && echo done");
  spec.output_directory = make_folder("out", "kept", "");
  ASSERT_EQ(::chown(spec.output_directory.c_str(), 12345, 12345), 0);
  EXPECT_EQ(output_of(spec), "done\n");
  struct stat made{};
  ASSERT_EQ(::stat((spec.output_directory + "/file").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 12345u);
}

TEST_F(HelperTest, StartsManyAtOnce) {
  constexpr int kMany = 40;
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(helper_->start(shell("exit 0"), {}));
  int started = 0;
  int ended = 0;
  while (ended < kMany) {
    Event event = next();
    if (std::holds_alternative<Started>(event)) ++started;
    if (std::holds_alternative<Ended>(event)) ++ended;
    ASSERT_FALSE(std::holds_alternative<StartFailed>(event)) << std::get<StartFailed>(event).error.message();
    if (HasFailure()) return;
  }
  EXPECT_EQ(started, kMany);
}

TEST(HelperStart, NeedsTheFoldersItIsToShow) {
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  auto helper = Helper::start({.state_directory = folder->path(), .readable_folders = {folder->path() + "/none"}});
  ASSERT_FALSE(helper);
  EXPECT_NE(helper.error().message().find("/none"), std::string::npos) << helper.error().message();
}

TEST(HelperStart, NeedsAStateFolder) {
  EXPECT_FALSE(Helper::start({.state_directory = "relative"}));
}

}  // namespace
}  // namespace virga::sandbox
