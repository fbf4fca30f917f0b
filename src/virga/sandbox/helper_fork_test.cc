// Forks of templates (docs/forks.md). tests/abuse/template.c plays the template, honest or not.

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "virga/sandbox/internal/landlock.h"
#include "virga/sandbox/testing/helper_fixture.h"

namespace virga::sandbox {
namespace {

class ForkTest : public HelperTest {
 protected:
  void SetUp() override {
    HelperTest::SetUp();
    if (!helper_) return;
    if (!helper_->is_root() || landlock::abi() < landlock::kScopesSignals) GTEST_SKIP() << "no forks here";
    runtime_ = make_folder("runtime", "readme", "");
    std::filesystem::copy_file(VIRGA_TEMPLATE, runtime_ + "/template");
  }

  struct Made {
    std::uint64_t id = 0;
    os::Descriptor input;   // write
    os::Descriptor output;  // read
  };
  static std::string line(const Made& made) {
    std::string text;
    char byte = 0;
    pollfd waiting{made.output.get(), POLLIN, 0};
    while (::poll(&waiting, 1, kPatience) == 1 && ::read(made.output.get(), &byte, 1) == 1 && byte != '\n') {
      text += byte;
    }
    return text;
  }
  // Each of its forks runs the script.
  std::uint64_t start_template(const std::string& how, const std::string& script,
                               std::vector<std::string> environment = {}) {
    Spec spec;
    spec.id = ++last_id_;
    spec.stage = Stage::Template;
    spec.runtime_directory = runtime_;
    spec.arguments = {"/var/runtime/template", how, "/bin/sh", "-c", script};
    spec.environment = {"PATH=/usr/bin:/bin"};
    for (auto& variable : environment) spec.environment.push_back(std::move(variable));
    spec.limits.tmp_bytes = 16u << 20;
    Made made{spec.id, {}, {}};
    auto out = os::make_pipe().value();
    EXPECT_TRUE(helper_->start(spec, {.output = out.writer.get()}));
    out.writer.reset();
    made.output = std::move(out.reader);
    EXPECT_EQ(expect<Started>().id, spec.id);
    EXPECT_EQ(line(made), "ready");  // what it does before would be done in the first fork's root
    return spec.id;
  }

  Made ask_fork(std::uint64_t of, Limits limits = {.tmp_bytes = 8u << 20}) {
    Made made{++last_id_, {}, {}};
    auto in = os::make_pipe().value();
    auto out = os::make_pipe().value();
    auto asked = helper_->fork({of, made.id, limits},
                               {.output = out.writer.get(), .errors = out.writer.get(), .input = in.reader.get()});
    EXPECT_TRUE(asked) << asked.error().message();
    made.input = std::move(in.writer);
    made.output = std::move(out.reader);
    return made;
  }
  Made fork(std::uint64_t of, Limits limits = {.tmp_bytes = 8u << 20}) {
    Made made = ask_fork(of, limits);
    EXPECT_EQ(expect<Started>().id, made.id);
    return made;
  }
  StartFailed fail_to_fork(std::uint64_t of) {
    Made made = ask_fork(of);
    auto failed = expect<StartFailed>();
    EXPECT_EQ(failed.id, made.id);
    return failed;
  }

  static void tell(const Made& made, std::string_view text) {
    EXPECT_EQ(::write(made.input.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // The next end, of whichever it is.
  Ended end_of(std::uint64_t id) {
    auto ended = expect<Ended>();
    EXPECT_EQ(ended.id, id);
    return ended;
  }
  Ended end_by_kill(std::uint64_t id) {
    EXPECT_TRUE(helper_->kill(id));
    return end_of(id);
  }

  // The template and all forks of it that live.
  void end_all(std::uint64_t of) {
    EXPECT_TRUE(helper_->kill(of));
    while (!HasFailure() && expect<Ended>().id != of) {
    }
  }

  std::string runtime_;
};

// A shell that runs each line it is given.
constexpr const char* kObey = "while read -r line; do eval \"$line\"; done";

TEST_F(ForkTest, GivesEachForkItsOwnTmpAndSharedMemory) {
  auto of = start_template("honest", kObey);
  Made a = fork(of);
  Made b = fork(of);
  for (Made* one : {&a, &b}) {
    tell(*one, "ls -A /tmp /dev/shm | tr '\\n' ' '; echo\n");
    EXPECT_EQ(line(*one), "/dev/shm:  /tmp: ");
    tell(*one, "stat -c '%u %a' /tmp /dev/shm | tr '\\n' ' '; stat -f -c '%b %S' /tmp\n");
    EXPECT_EQ(line(*one), "1000 1777 1000 1777 2048 4096");
  }
  tell(a, "echo mine > /tmp/file; echo mine > /dev/shm/file; cat /tmp/file\n");
  EXPECT_EQ(line(a), "mine");
  tell(b, "cat /tmp/file /dev/shm/file 2>&1 | grep -c 'No such file'; cat /tmp/../../tmp/of-template\n");
  EXPECT_EQ(line(b), "2");
  EXPECT_NE(line(b).find("No such file"), std::string::npos);
  (void)end_by_kill(a.id);
  (void)end_by_kill(b.id);
  EXPECT_EQ(end_by_kill(of).reason, EndReason::Killed);
}

TEST_F(ForkTest, ShowsWhatTheTemplateSawAndKeepsTheLimits) {
  auto of = start_template("honest", kObey);
  Made one = fork(of, {.memory_bytes = 64u << 20, .open_files = 100, .tmp_bytes = 4u << 20});
  tell(one,
       "pwd; head -1 /proc/meminfo; ulimit -n; ulimit -f; ls -A /var/task | wc -l; touch /usr/x /var/runtime/x; "
       "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\n'; echo\n");
  EXPECT_EQ(line(one), "/var/task");
  EXPECT_EQ(line(one), "MemTotal: 65536 kB");
  EXPECT_EQ(line(one), "100");
  EXPECT_EQ(line(one), "8192");  // of 512 bytes
  EXPECT_EQ(line(one), "0");
  EXPECT_NE(line(one).find("Read-only"), std::string::npos);
  EXPECT_NE(line(one).find("Read-only"), std::string::npos);
  EXPECT_EQ(line(one), "CapEff:\t0000000000000000NoNewPrivs:\t1Seccomp:\t2");
  end_all(of);
}

TEST_F(ForkTest, NeitherSeesNorSignalsItsSiblings) {
  auto of = start_template("honest", kObey);
  Made a = fork(of);
  Made b = fork(of);
  tell(a, "echo $$\n");
  std::string pid = line(a);
  // Its own, and no other: the first process, the template and the sibling are not there.
  tell(b, "cd /proc; for p in [0-9]*; do [ $p = $$ ] || echo other $p; done; cd /; echo done\n");
  EXPECT_EQ(line(b), "done");
  for (const std::string& other : {pid, std::string("2"), "-" + pid}) {
    tell(b, "kill -9 " + other + " 2>&1 | grep -c -E 'not permitted|No such'\n");
    EXPECT_EQ(line(b), "1") << other;
  }
  tell(b, "cat /proc/" + pid + "/environ /proc/2/mem /proc/1/status 2>&1 | grep -c 'No such file'\n");
  EXPECT_EQ(line(b), "3");
  tell(b, "kill -9 -1; echo alive\n");  // a shell spares itself
  tell(a, "echo alive\n");
  EXPECT_EQ(line(a), "alive");
  end_all(of);
}

// A descriptor that leads to the template's root is no way into its /tmp: the rules of the fork do not know that one.
TEST_F(ForkTest, KeepsTheTemplatesTmpClosedEvenByADescriptor) {
  auto of = start_template("keeps-root", kObey);
  Made one = fork(of);
  EXPECT_EQ(line(one), "Permission denied");
  EXPECT_EQ(line(one), "Permission denied");
  (void)end_by_kill(one.id);
}

TEST_F(ForkTest, EndsOneAtItsOwnMemoryLimit) {
  auto of = start_template("honest", kObey);
  Limits limits{.memory_bytes = 32u << 20, .tmp_bytes = 8u << 20};
  Made hog = fork(of, limits);
  Made other = fork(of, limits);
  tell(hog, "exec python3 -c 'b=[bytearray(1<<20) for _ in range(1000)]'\n");
  auto ended = end_of(hog.id);
  EXPECT_EQ(ended.reason, EndReason::OutOfMemory);
  EXPECT_GE(ended.oom_kills, 1u);
  EXPECT_GT(ended.peak_memory_bytes, 16u << 20);
  tell(other, "echo alive\n");
  EXPECT_EQ(line(other), "alive");
  EXPECT_TRUE(helper_->query(other.id));
  auto usage = expect<Usage>();
  EXPECT_GT(usage.memory_bytes, 0u);
  EXPECT_LT(usage.memory_bytes, 8u << 20);
  EXPECT_EQ(usage.processes, 1u);
  end_all(of);
}

TEST_F(ForkTest, TellsHowEachEnded) {
  auto of = start_template("honest", kObey);
  Made one = fork(of);
  tell(one, "exit 7\n");
  auto ended = end_of(one.id);
  EXPECT_EQ(ended.reason, EndReason::Exited);
  EXPECT_EQ(ended.status, 7);
  Made other = fork(of);
  tell(other, "kill -SEGV $$\n");
  ended = end_of(other.id);
  EXPECT_EQ(ended.reason, EndReason::Signalled);
  EXPECT_EQ(ended.status, SIGSEGV);
  Made killed = fork(of);
  EXPECT_EQ(end_by_kill(killed.id).reason, EndReason::Killed);
  (void)end_by_kill(of);
}

// Also what left its session and ignores what can be ignored.
TEST_F(ForkTest, EndsEverythingOfAForkAndNothingElse) {
  auto of = start_template("honest", kObey);
  Made a = fork(of);
  Made b = fork(of);
  tell(a, "for i in 1 2 3; do (trap '' TERM HUP; setsid sleep 1000 <&- >&- 2>&- &) ; done; echo made\n");
  EXPECT_EQ(line(a), "made");
  tell(a, "exit 0\n");
  (void)end_of(a.id);
  EXPECT_TRUE(helper_->query(b.id));
  EXPECT_EQ(expect<Usage>().processes, 1u);
  tell(b, "echo alive\n");
  EXPECT_EQ(line(b), "alive");
  (void)end_by_kill(b.id);
  EXPECT_EQ(end_by_kill(of).id, of);
}

TEST_F(ForkTest, FreezesOneAndEndsItFrozen) {
  auto of = start_template("honest", kObey);
  Made a = fork(of);
  Made b = fork(of);
  tell(a, "while :; do :; done\n");
  auto runs = [&] {
    EXPECT_TRUE(helper_->query(a.id));
    auto before = expect<Usage>().cpu_time;
    ::poll(nullptr, 0, 50);
    EXPECT_TRUE(helper_->query(a.id));
    return expect<Usage>().cpu_time > before;
  };
  // The kernel freezes and thaws in its own time.
  auto becomes = [&](bool running) {
    for (int tries = 0; tries < 200; ++tries) {
      if (runs() == running) return true;
    }
    return false;
  };
  EXPECT_TRUE(becomes(true));
  ASSERT_TRUE(helper_->freeze(a.id));
  EXPECT_TRUE(becomes(false));
  tell(b, "echo alive\n");
  EXPECT_EQ(line(b), "alive");
  ASSERT_TRUE(helper_->thaw(a.id));
  EXPECT_TRUE(becomes(true));
  ASSERT_TRUE(helper_->freeze(a.id));
  EXPECT_EQ(end_by_kill(a.id).reason, EndReason::Killed);
  // And with its template.
  ASSERT_TRUE(helper_->freeze(b.id));
  ASSERT_TRUE(helper_->kill(of));
  EXPECT_EQ(expect<Ended>().id, b.id);
  EXPECT_EQ(expect<Ended>().id, of);
}

TEST_F(ForkTest, EndsAllWithTheTemplate) {
  auto of = start_template("honest", kObey);
  std::set<std::uint64_t> ids = {of};
  std::vector<Made> made;
  for (int i = 0; i < 3; ++i) {
    made.push_back(fork(of));
    ids.insert(made.back().id);
  }
  ASSERT_TRUE(helper_->kill(of));
  while (!ids.empty() && !HasFailure()) {
    auto ended = expect<Ended>();
    EXPECT_EQ(ids.erase(ended.id), 1u);
    EXPECT_EQ(ended.reason, EndReason::Killed);
    EXPECT_EQ(ended.id == of, ids.empty()) << "the template's end is told last";
  }
  EXPECT_EQ(fail_to_fork(of).error.code(), ErrorCode::NotFound);
}

TEST_F(ForkTest, LetsForksOutliveTheirTemplatesProgram) {
  auto of = start_template("ends", kObey);
  EXPECT_EQ(fail_to_fork(of).error.code(), ErrorCode::Unavailable);
  auto ended = end_of(of);
  EXPECT_EQ(ended.reason, EndReason::Exited);
  EXPECT_EQ(ended.status, 4);
  of = start_template("ends-after-two", kObey);
  Made a = fork(of);
  Made b = fork(of);
  EXPECT_EQ(fail_to_fork(of).error.code(), ErrorCode::Unavailable);
  for (Made* one : {&a, &b}) {
    tell(*one, "echo alive\n");
    EXPECT_EQ(line(*one), "alive");
  }
  tell(a, "exit 9\n");
  ended = end_of(a.id);
  EXPECT_EQ(ended.reason, EndReason::Exited);
  EXPECT_EQ(ended.status, 9);
  EXPECT_EQ(end_by_kill(b.id).reason, EndReason::Killed);
  EXPECT_EQ(end_of(of).status, 4);  // with the last of them
}

TEST_F(ForkTest, RefusesWhatCannotBe) {
  EXPECT_EQ(fail_to_fork(12345).error.code(), ErrorCode::NotFound);
  auto whole = shell("sleep 1000");
  ASSERT_TRUE(helper_->start(whole, {}));
  (void)expect<Started>();
  EXPECT_EQ(fail_to_fork(whole.id).error.code(), ErrorCode::NotFound);
  (void)end_by_kill(whole.id);
  auto of = start_template("refuses", kObey);
  EXPECT_EQ(fail_to_fork(of).error.code(), ErrorCode::Unavailable);  // EAGAIN
  EXPECT_EQ(fail_to_fork(of).error.code(), ErrorCode::Unavailable);
  Made large = ask_fork(of, {.tmp_bytes = 64u << 20});
  EXPECT_EQ(expect<StartFailed>().error.code(), ErrorCode::InvalidArgument);
  EXPECT_FALSE(helper_->fork({0, 5, {}}, {}));
  EXPECT_FALSE(helper_->fork({5, 5, {}}, {}));
  (void)end_by_kill(of);
}

// Asked all at once, made one after the other; one of them is given up before it was made.
TEST_F(ForkTest, QueuesWhatIsAskedAtOnce) {
  auto of = start_template("honest", kObey);
  std::map<std::uint64_t, Made> made;
  for (int i = 0; i < 12; ++i) {
    Made one = ask_fork(of);
    made.emplace(one.id, std::move(one));
  }
  std::uint64_t last = made.rbegin()->first;
  ASSERT_TRUE(helper_->kill(last));
  std::size_t started = 0;
  for (std::size_t i = 0; i < made.size() && !HasFailure(); ++i) {
    Event event = next();
    if (auto* failed = std::get_if<StartFailed>(&event)) {
      EXPECT_EQ(failed->id, last);
      EXPECT_EQ(failed->error.code(), ErrorCode::Cancelled);
    } else if (std::holds_alternative<Started>(event)) {
      ++started;
    } else {  // it was quicker than its kill
      EXPECT_EQ(std::get<Ended>(event).id, last);
      --started;
    }
  }
  EXPECT_GE(started, 11u);
  for (auto& [id, one] : made) {
    if (id == last) continue;
    tell(one, "echo $N\n");
    EXPECT_FALSE(line(one).empty());
  }
  ASSERT_TRUE(helper_->kill(of));
  std::size_t ends = 0;
  while (!HasFailure() && expect<Ended>().id != of) ++ends;
  EXPECT_GE(ends, 11u);
}

// ---- Templates that do not keep to the rules. Whatever they do, the helper goes on, and what was honest before lives.

class BadTemplateTest : public ForkTest, public testing::WithParamInterface<const char*> {};

TEST_P(BadTemplateTest, HarmsItselfAlone) {
  auto good = start_template("honest", kObey);
  Made sibling = fork(good);
  auto bad = start_template(GetParam(), kObey);
  Made asked = ask_fork(bad);
  Event event = next();
  bool ended = false;
  if (auto* end = std::get_if<Ended>(&event)) {  // its program may be gone before the fork is given up
    EXPECT_EQ(end->id, bad);
    ended = true;
    event = next();
  }
  auto* failed = std::get_if<StartFailed>(&event);
  ASSERT_NE(failed, nullptr) << "the fork was started";
  EXPECT_EQ(failed->id, asked.id);
  ASSERT_TRUE(helper_->kill(bad));
  if (!ended) EXPECT_EQ(end_of(bad).id, bad);
  tell(sibling, "echo alive\n");
  EXPECT_EQ(line(sibling), "alive");
  Made another = fork(good);
  tell(another, "echo alive\n");
  EXPECT_EQ(line(another), "alive");
}

INSTANTIATE_TEST_SUITE_P(Ways, BadTemplateTest,
                         testing::Values("nonsense", "short", "mute", "ends", "itself", "grandchild", "threads", "dies",
                                         "waits", "stays", "refuses", "closes"),
                         [](const auto& info) { return std::string(info.param); });

// What a template says beside the answers, or does meanwhile, changes nothing.
class OddTemplateTest : public ForkTest, public testing::WithParamInterface<const char*> {};

TEST_P(OddTemplateTest, StillForks) {
  auto of = start_template(GetParam(), kObey);
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    Made one = fork(of);
    tell(one, "ls -A /tmp | wc -l; echo x > /tmp/x\n");
    EXPECT_EQ(line(one), "0");
    (void)end_by_kill(one.id);
  }
  (void)end_by_kill(of);
}

INSTANTIATE_TEST_SUITE_P(Ways, OddTemplateTest, testing::Values("early", "chdirs", "tells-nothing"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

// Two processes for one question: one of them is the fork at most, and all end with the template.
TEST_F(ForkTest, TakesOneOfTwo) {
  auto of = start_template("doubly", kObey);
  Made asked = ask_fork(of);
  Event event = next();
  EXPECT_TRUE(std::holds_alternative<Started>(event) || std::holds_alternative<StartFailed>(event));
  ASSERT_TRUE(helper_->kill(of));
  while (!HasFailure() && expect<Ended>().id != of) {
  }
}

// ---- Nothing is left.

std::size_t count_entries(const std::string& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST_F(ForkTest, LeavesNothingBehind) {
  helper_.emplace(Helper::start(options(0, "/bare")).value());  // no blanks come and go
  auto of = start_template("honest", "true");
  std::string helper = "/proc/" + std::to_string(helper_->pid());
  auto round = [&](int forks) {
    for (int i = 0; i < forks && !HasFailure(); ++i) {
      Made one = ask_fork(of);
      (void)expect<Started>();
      EXPECT_EQ(expect<Ended>().reason, EndReason::Exited);
    }
  };
  auto mounts = [&] {
    auto text = os::read_file(helper + "/mountinfo");
    return text ? std::count(text->begin(), text->end(), '\n') : 0;
  };
  round(5);
  std::size_t descriptors = count_entries(helper + "/fd");
  auto mounted = mounts();
  round(200);
  // Groups that the kernel still holds are open for some milliseconds more.
  std::size_t left = 0;
  for (int tries = 0; tries < 200 && (left = count_entries(helper + "/fd")) > descriptors; ++tries) {
    ::poll(nullptr, 0, 10);
  }
  EXPECT_LE(left, descriptors);
  EXPECT_EQ(mounts(), mounted);
  EXPECT_TRUE(helper_->query(of));
  EXPECT_EQ(expect<Usage>().processes, 1u);
  (void)end_by_kill(of);
}

}  // namespace
}  // namespace virga::sandbox
