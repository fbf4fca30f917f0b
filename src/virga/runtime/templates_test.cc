// When a version gets a template and forks ahead of need, and when they end: with processes that the test plays and a
// clock that it turns.
#include "virga/runtime/templates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace virga::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Process = std::shared_ptr<LoadedProcess>;

class HandClock final : public Clock {
 public:
  SteadyTime steady() const override { return SteadyTime(time_); }
  WallTime wall() const override { return WallTime(time_); }
  void turn(milliseconds by) { time_ += by; }

 private:
  std::chrono::nanoseconds time_ = std::chrono::hours(1);
};

class FakeMaker final : public TemplateMaker {
 public:
  explicit FakeMaker(io::Loop& loop) : loop_(loop), may_start(loop), may_fork(loop) {
    may_start.set();
    may_fork.set();
  }

  io::Task<Result<Process>> start(std::shared_ptr<const InstancePlan>) override {
    ++starts;
    (void)co_await may_start.wait();
    if (start_error) co_return fail(*start_error);
    auto process = std::make_shared<LoadedProcess>(loop_, LoadedProcess::Kind::Template);
    process->is_ready = true;
    process->memory_bytes = memory_bytes;
    process->log = "loading\n";
    living.push_back(process);
    co_return process;
  }
  io::Task<Result<Process>> fork(Process of, std::shared_ptr<const InstancePlan>) override {
    (void)co_await may_fork.wait();
    ++forks;
    if (fork_error) co_return fail(*fork_error);
    if (of->is_broken) co_return fail(ErrorCode::Unavailable, "the template has ended");
    auto process = std::make_shared<LoadedProcess>(loop_, LoadedProcess::Kind::Fork);
    process->is_ready = true;
    living.push_back(process);
    co_return process;
  }
  void cancel() override {
    may_start.set();
    may_fork.set();
  }
  io::Task<void> end(Process process) override {
    std::erase(living, process);
    co_return;
  }

  std::size_t count(LoadedProcess::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(living, kind, [](const auto& each) { return each->kind; }));
  }
  Process newest(LoadedProcess::Kind kind) const {
    auto found = std::find_if(living.rbegin(), living.rend(), [kind](const auto& each) { return each->kind == kind; });
    return found == living.rend() ? nullptr : *found;
  }

 private:
  io::Loop& loop_;

 public:
  io::Event may_start;
  io::Event may_fork;
  std::optional<Error> start_error;
  std::optional<Error> fork_error;
  std::uint64_t memory_bytes = 20 << 20;
  std::size_t starts = 0;
  std::size_t forks = 0;
  std::vector<Process> living;  // that were made and not ended
};

class TemplatesTest : public testing::Test {
 protected:
  TemplatesTest() { make({}); }
  ~TemplatesTest() override {
    stop();
    EXPECT_TRUE(maker_.living.empty());
  }

  void make(Templates::Options options) {
    stop();
    templates_.emplace(loop_, maker_, options);
    templates_->serve();
    settle();
  }
  void stop() {
    if (!templates_) return;
    io::run_until_done(loop_, templates_->stop());
    templates_.reset();
  }
  void settle() {
    for (int i = 0; i < 10; ++i) {
      loop_.stop();
      loop_.run();
    }
  }
  void turn(milliseconds by) {
    clock_.turn(by);
    settle();
  }

  static InstancePlan plan(const std::string& revision = "one") {
    model::Version version;
    version.function = model::FunctionName("hello");
    version.revision = model::RevisionId(revision);
    InstancePlan plan;
    plan.version = std::make_shared<const model::Version>(version);
    plan.can_be_forked = true;
    return plan;
  }
  // As an instance that starts and has what it took until its end, which is at once.
  Templates::Taken take(const std::string& revision = "one") {
    auto taken = templates_->take(plan(revision));
    if (taken.fork != nullptr) std::erase(maker_.living, taken.fork);
    settle();
    turn(milliseconds(50));  // forks that wait come a little later than those that are waited for
    return taken;
  }
  Templates::Taken fork(const std::string& revision = "one") {
    Templates::Taken taken;
    auto task = [](TemplatesTest& self, std::string name, Templates::Taken& into) -> io::Task<void> {
      into = co_await self.templates_->fork(std::move(name));
    };
    io::run_until_done(loop_, task(*this, revision, taken));
    if (taken.fork != nullptr) std::erase(maker_.living, taken.fork);
    return taken;
  }
  void make_hot(const std::string& revision = "one") {
    (void)take(revision);
    (void)take(revision);
  }
  std::size_t templates() const { return maker_.count(LoadedProcess::Kind::Template); }
  std::size_t waiting() const { return maker_.count(LoadedProcess::Kind::Fork); }

  HandClock clock_;
  std::unique_ptr<io::Loop> owned_ = io::Loop::create(clock_).value();
  io::Loop& loop_ = *owned_;
  FakeMaker maker_{loop_};
  std::optional<Templates> templates_;
};

TEST_F(TemplatesTest, AVersionIsHotWhenItStartsTwiceWithinAMinute) {
  EXPECT_EQ(take().reason, "");
  turn(Templates::kHotTime + seconds(1));
  EXPECT_EQ(take().reason, "");
  EXPECT_EQ(maker_.starts, 0u);
  turn(Templates::kHotTime - seconds(1));
  auto taken = take();
  EXPECT_EQ(taken.reason, "its template is not there yet");
  EXPECT_FALSE(taken.can_fork);
  EXPECT_EQ(maker_.starts, 1u);
  EXPECT_EQ(templates(), 1u);
}

TEST_F(TemplatesTest, OtherVersionsAndThoseThatMayNotBeForkedStayAsTheyAre) {
  (void)take("one");
  (void)take("two");
  auto never = plan("three");
  never.can_be_forked = false;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(templates_->take(never).reason, "");
  settle();
  EXPECT_EQ(maker_.starts, 0u);
}

TEST_F(TemplatesTest, AForkWaitsAndASecondOneWhereManyAreWanted) {
  make_hot();
  EXPECT_EQ(waiting(), 1u);
  EXPECT_LT(*templates_->fork_time("one"), milliseconds(1));
  EXPECT_FALSE(templates_->fork_time("two"));
  auto taken = take();
  ASSERT_NE(taken.fork, nullptr);
  EXPECT_EQ(taken.shared_bytes, maker_.memory_bytes);
  EXPECT_EQ(taken.log, "loading\n");
  EXPECT_EQ(waiting(), 2u);
  EXPECT_EQ(take().log, "");  // it is shown once
  EXPECT_EQ(templates_->counts().taken, 2u);
}

TEST_F(TemplatesTest, WhenNoneWaitsOneIsMadeOnDemand) {
  make_hot();
  maker_.may_fork.reset();
  ASSERT_NE(take().fork, nullptr);
  auto none = take();
  EXPECT_EQ(none.fork, nullptr);
  EXPECT_TRUE(none.can_fork);
  EXPECT_GT(*templates_->fork_time("one"), milliseconds(1));
  maker_.may_fork.set();
  EXPECT_NE(fork().fork, nullptr);
  EXPECT_EQ(templates_->counts().made, 1u);
}

TEST_F(TemplatesTest, AForkThatIsWaitedForComesBeforeThoseThatWait) {
  make_hot();
  auto taken = templates_->take(plan());
  ASSERT_NE(taken.fork, nullptr);
  std::erase(maker_.living, taken.fork);
  auto before = maker_.forks;
  settle();
  EXPECT_EQ(maker_.forks, before);
  turn(milliseconds(50));
  EXPECT_GT(maker_.forks, before);
}

TEST_F(TemplatesTest, ForksWaitWhileStartsAreRecentAndTheTemplateLonger) {
  make_hot();
  turn(Templates::kRecentTime + seconds(6));
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(templates(), 1u);
  EXPECT_TRUE(take().can_fork);
  EXPECT_EQ(waiting(), 1u);
  turn(Templates::kIdleTime + seconds(6));
  EXPECT_EQ(templates(), 0u);
  EXPECT_EQ(take().reason, "");  // and it is cool again
}

TEST_F(TemplatesTest, ACodeThatCannotBeForkedIsAskedOnce) {
  maker_.start_error = Error(ErrorCode::PreconditionFailed, "its code leaves a thread running");
  make_hot();
  for (int i = 0; i < 3; ++i) {
    turn(Templates::kRetryTime + seconds(6));
    EXPECT_EQ(take().reason, "its code leaves a thread running");
  }
  turn(2 * Templates::kIdleTime);
  EXPECT_EQ(take().reason, "its code leaves a thread running");
  EXPECT_EQ(maker_.starts, 1u);
  EXPECT_EQ(templates_->counts().refused, 1u);
}

TEST_F(TemplatesTest, ACodeThatFailsInAForkIsForkedNoMore) {
  maker_.fork_error = Error(ErrorCode::PreconditionFailed, "virga.after_fork failed: OSError: no");
  make_hot();
  EXPECT_EQ(take().reason, "virga.after_fork failed: OSError: no");
  EXPECT_EQ(templates(), 0u);
}

TEST_F(TemplatesTest, AMachineWithoutForksIsAskedOnce) {
  maker_.start_error = Error(ErrorCode::Unimplemented, "forks need Linux 6.12");
  make_hot("one");
  make_hot("two");
  EXPECT_EQ(take("two").reason, "forks need Linux 6.12");
  turn(Templates::kRetryTime + seconds(6));
  (void)take("one");
  EXPECT_EQ(maker_.starts, 1u);
}

TEST_F(TemplatesTest, AStartThatFailsIsTriedAgainLater) {
  maker_.start_error = Error(ErrorCode::Unavailable, "KeyError: 'at load'");
  make_hot();
  maker_.start_error.reset();
  turn(seconds(10));
  EXPECT_EQ(take().reason, "its template did not start (KeyError: 'at load')");
  EXPECT_EQ(maker_.starts, 1u);
  turn(seconds(45));
  (void)take();
  turn(seconds(10));
  EXPECT_EQ(maker_.starts, 2u);
  EXPECT_NE(take().fork, nullptr);
}

TEST_F(TemplatesTest, ForksThatFailAgainAndAgainEndTheTemplateForAWhile) {
  maker_.fork_error = Error(ErrorCode::ResourceExhausted, "no memory");
  make_hot();
  EXPECT_EQ(maker_.forks, Templates::kMostFaults);
  EXPECT_EQ(templates(), 0u);
  EXPECT_EQ(take().reason, "no memory");
  EXPECT_EQ(maker_.starts, 1u);
  turn(seconds(40));
  maker_.fork_error.reset();
  (void)take();
  turn(Templates::kRetryTime - seconds(35));
  EXPECT_NE(take().fork, nullptr);
}

TEST_F(TemplatesTest, ATemplateThatEndsIsReplacedWhileItIsWanted) {
  make_hot();
  maker_.newest(LoadedProcess::Kind::Template)->spoil();
  settle();
  EXPECT_EQ(maker_.starts, 2u);
  EXPECT_EQ(templates(), 1u);
  EXPECT_EQ(waiting(), 1u);
  EXPECT_EQ(templates_->counts().lost, 1u);
}

TEST_F(TemplatesTest, AWaitingForkThatEndsIsNotGivenAway) {
  make_hot();
  auto broken = maker_.newest(LoadedProcess::Kind::Fork);
  broken->spoil();
  auto taken = templates_->take(plan());
  EXPECT_EQ(taken.fork, nullptr);
  EXPECT_TRUE(taken.can_fork);
  settle();
  EXPECT_NE(take().fork, broken);
  EXPECT_EQ(templates_->counts().lost, 1u);
}

TEST_F(TemplatesTest, ARetiredVersionKeepsNothing) {
  make_hot();
  templates_->retire("one");
  templates_->retire("unknown");
  settle();
  EXPECT_EQ(templates() + waiting(), 0u);
  EXPECT_EQ(templates_->counts().memory_bytes, 0u);
}

TEST_F(TemplatesTest, AVersionRetiredWhileItsTemplateStartsKeepsNothingEither) {
  maker_.may_start.reset();
  make_hot();
  templates_->retire("one");
  settle();
  maker_.may_start.set();
  settle();
  EXPECT_EQ(templates() + waiting(), 0u);
}

TEST_F(TemplatesTest, StopsWhileEverythingIsUnderWay) {
  maker_.may_fork.reset();
  make_hot("one");
  maker_.may_start.reset();
  make_hot("two");
  stop();
  EXPECT_TRUE(maker_.living.empty());
}

TEST_F(TemplatesTest, OneThatIsTooLargeIsEndedAndSaysSo) {
  make({.memory_budget = 64 << 20});
  maker_.memory_bytes = 100 << 20;
  make_hot();
  EXPECT_EQ(templates(), 0u);
  EXPECT_EQ(take().reason, "its template takes 100 MB, and all have 64 MB together");
  EXPECT_EQ(maker_.starts, 1u);
}

TEST_F(TemplatesTest, WithinTheMemoryWhatIsWantedComesFirst) {
  make({.memory_budget = 100 << 20});
  maker_.memory_bytes = 60 << 20;
  make_hot("one");
  make_hot("two");
  EXPECT_EQ(maker_.starts, 1u);
  EXPECT_EQ(take("two").reason, "the memory for templates, 100 MB, is in use");
  turn(Templates::kRecentTime + seconds(6));
  (void)take("two");
  EXPECT_EQ(maker_.starts, 2u);
  EXPECT_EQ(templates(), 1u);
  EXPECT_NE(take("two").fork, nullptr);
  EXPECT_LE(templates_->counts().memory_bytes, 100u << 20);
}

TEST_F(TemplatesTest, AreOffWithoutMemory) {
  make({.memory_budget = 0});
  make_hot();
  EXPECT_EQ(take().reason, "");
  EXPECT_EQ(maker_.starts, 0u);
}

}  // namespace
}  // namespace virga::runtime
