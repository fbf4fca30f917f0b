// Which functions a stem can serve; and, with real sandboxes and interpreters, how stems are kept. The latter is
// skipped, with the reason, where there is no root or no interpreter.
#include "virga/runtime/stems.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virga/os/file.h"
#include "virga/runtime/plan.h"

namespace virga::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Runtime frames_runtime() {
  Runtime runtime;
  runtime.name = "node";
  runtime.directory = "/srv/runtimes/node";
  runtime.arguments = {"/usr/bin/node", "/var/runtime/bootstrap.cjs"};
  runtime.start_variables = {"NODE_OPTIONS", "LC_ALL", "LD_LIBRARY_PATH"};
  runtime.has_stems = true;
  return runtime;
}

InstancePlan plan_of(const Runtime& runtime, model::FunctionConfig config, CodeFolders folders = {"/nowhere", {}}) {
  model::Version version;
  version.function = model::FunctionName("hello");
  version.config = std::move(config);
  Platform platform{"us-east-1", "000000000000", "", nullptr};
  return make_plan(std::make_shared<const model::Version>(version), runtime, platform, folders, seconds(10),
                   system_clock());
}

TEST(ColdReason, IsNoneForAPlainFunction) {
  model::FunctionConfig config;
  config.environment = {{"MINE", "1"}, {"PATH", "/opt/bin"}, {"HOME", "/var/task"}};
  auto runtime = frames_runtime();
  EXPECT_EQ(plan_of(runtime, config).cold_reason, "");
}

TEST(ColdReason, NamesTheVariableThatCannotComeLate) {
  auto runtime = frames_runtime();
  for (const char* name : {"NODE_OPTIONS", "LC_ALL", "LANG", "LD_LIBRARY_PATH"}) {
    model::FunctionConfig config;
    config.environment = {{name, "value"}};
    EXPECT_EQ(plan_of(runtime, config).cold_reason, std::string(name) + " is set");
  }
}

TEST(ColdReason, NamesWhatElseAStemCannotTake) {
  auto runtime = frames_runtime();
  model::FunctionConfig alone;
  alone.network = model::NetworkMode::None;
  EXPECT_EQ(plan_of(runtime, alone).cold_reason, "it has no network");
  auto folder = os::TemporaryDirectory::create().value();
  ASSERT_EQ(::mkdir((folder.path() + "/lib").c_str(), 0755), 0);
  EXPECT_EQ(plan_of(runtime, {}, {folder.path(), {}}).cold_reason, "its package or a layer has a folder lib");
  EXPECT_EQ(plan_of(runtime, {}, {"/nowhere", {folder.path()}}).cold_reason, "its package or a layer has a folder lib");
  runtime.has_stems = false;
  EXPECT_EQ(plan_of(runtime, {}).cold_reason, "its runtime has no stems");
  runtime.contract = ContractKind::RuntimeApi;
  EXPECT_EQ(plan_of(runtime, {}).cold_reason, "its package brings the program");
}

TEST(StemKind, IsOfOneMemoryLimitOnlyWhereTheRuntimeBootsForIt) {
  auto runtime = frames_runtime();
  EXPECT_EQ(stem_kind(runtime, model::mebibytes(128)), stem_kind(runtime, model::mebibytes(512)));
  runtime.boots_for_memory = true;
  EXPECT_NE(stem_kind(runtime, model::mebibytes(128)), stem_kind(runtime, model::mebibytes(512)));
  runtime.missing = "no interpreter";
  EXPECT_FALSE(stem_kind(runtime, model::mebibytes(128)));
}

TEST(StemSpec, BootsAsAPlainFunctionWould) {
  auto runtime = frames_runtime();
  runtime.boots_for_memory = true;
  auto plan = plan_of(runtime, {});
  auto stem = stem_spec(*stem_kind(runtime, plan.version->config.memory));
  EXPECT_EQ(stem.stage, sandbox::Stage::Stem);
  EXPECT_EQ(stem.environment, plan.spec.environment);
  EXPECT_EQ(stem.arguments, plan.spec.arguments);
  EXPECT_EQ(stem.runtime_directory, plan.spec.runtime_directory);
  EXPECT_EQ(stem.limits.memory_bytes, plan.spec.limits.memory_bytes);
}

// Real stems of the Python runtime.
class StemsTest : public testing::Test {
 public:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "sandboxes with limits need root";
    runtimes_.emplace(Runtimes::load(VIRGA_RUNTIMES_DIRECTORY).value());
    python_ = runtimes_->find("python3.11");
    if (python_ == nullptr || !python_->missing.empty()) GTEST_SKIP() << "there is no Python";
    folder_.emplace(os::TemporaryDirectory::create().value());
    sandbox::Helper::Options options;
    options.state_directory = folder_->path() + "/state";
    options.readable_folders = {VIRGA_RUNTIMES_DIRECTORY};
    sandboxes_ = Sandboxes::create(loop_, options).value();
    sandboxes_->serve();
  }
  void TearDown() override {
    if (sandboxes_ == nullptr) return;
    io::run_until_done(loop_, end());
  }
  io::Task<void> end() {
    if (stems_) co_await stems_->stop();
    co_await sandboxes_->stop();
  }

  void make(Stems::Options options) {
    stems_.emplace(loop_, *sandboxes_, options);
    stems_->serve();
  }
  io::Task<bool> until(std::function<bool()> condition) {
    for (int round = 0; round < 2000 && !condition(); ++round) {
      auto deadline = io::Deadline::in(loop_, milliseconds(10));
      co_await io::sleep_until(loop_, deadline);
    }
    co_return condition();
  }
  StemKind kind() const { return *stem_kind(*python_, model::mebibytes(128)); }

  std::unique_ptr<io::Loop> owned_ = io::Loop::create().value();
  io::Loop& loop_ = *owned_;
  std::optional<Runtimes> runtimes_;
  const Runtime* python_ = nullptr;
  std::optional<os::TemporaryDirectory> folder_;
  std::unique_ptr<Sandboxes> sandboxes_;
  std::optional<Stems> stems_;
};

TEST_F(StemsTest, KeepsOneForAKindInUseGivesItOnceAndBootsTheNext) {
  make({});
  auto test = [](StemsTest& self) -> io::Task<void> {
    auto& stems = *self.stems_;
    auto plan = plan_of(*self.python_, {});
    EXPECT_EQ(stems.take(plan).reason, "no stem was waiting");
    stems.add_use(self.kind());
    EXPECT_TRUE(co_await self.until([&] { return stems.count_booted() >= 1; }));
    auto taken = stems.take(plan);
    EXPECT_NE(taken.stem, nullptr);
    EXPECT_TRUE(co_await self.until([&] { return stems.count_booted() >= 1; }));
    auto next = stems.take(plan);
    EXPECT_NE(next.stem, nullptr);
    if (taken.stem == nullptr || next.stem == nullptr) co_return;
    EXPECT_NE(taken.stem->sandbox, next.stem->sandbox);
    EXPECT_EQ(stems.taken(), 2u);
    for (auto* stem : {taken.stem.get(), next.stem.get()}) {
      self.sandboxes_->kill(stem->sandbox);
      co_await stem->frames->stop();
    }
  };
  io::run_until_done(loop_, test(*this));
}

TEST_F(StemsTest, GivesOneThatStillBootsOnlyToWhatWouldStartNoSooner) {
  make({});
  // Never boots: what it reads, it does not answer.
  Runtime slow = frames_runtime();
  slow.directory = python_->directory;
  slow.arguments = {"/bin/sleep", "600"};
  auto test = [](StemsTest& self, const Runtime& runtime) -> io::Task<void> {
    auto& stems = *self.stems_;
    auto plan = plan_of(runtime, {});
    stems.add_use(*stem_kind(runtime, plan.version->config.memory));
    EXPECT_TRUE(co_await self.until([&] { return stems.count() == 1; }));
    plan.starts_prepared = true;
    EXPECT_EQ(stems.take(plan).reason, "no stem had booted");
    plan.starts_prepared = false;
    auto taken = stems.take(plan);
    EXPECT_NE(taken.stem, nullptr);
    if (taken.stem == nullptr) co_return;
    self.sandboxes_->kill(taken.stem->sandbox);
    co_await taken.stem->frames->stop();
  };
  io::run_until_done(loop_, test(*this, slow));
}

TEST_F(StemsTest, HasNoneThatNobodyUses) {
  make({});
  auto test = [](StemsTest& self) -> io::Task<void> {
    auto& stems = *self.stems_;
    stems.add_use(self.kind());
    stems.add_use(self.kind());
    EXPECT_TRUE(co_await self.until([&] { return stems.count_booted() == 1; }));
    stems.drop_use(self.kind());
    EXPECT_EQ(stems.count(), 1u);
    stems.drop_use(self.kind());
    EXPECT_TRUE(co_await self.until([&] { return stems.count() == 0 && self.sandboxes_->count() == 0; }));
  };
  io::run_until_done(loop_, test(*this));
}

TEST_F(StemsTest, StaysWithinItsMemory) {
  make({.memory_budget = 1 << 20});
  auto test = [](StemsTest& self) -> io::Task<void> {
    auto& stems = *self.stems_;
    stems.add_use(self.kind());
    auto deadline = io::Deadline::in(self.loop_, milliseconds(300));
    co_await io::sleep_until(self.loop_, deadline);
    EXPECT_EQ(stems.count(), 0u);
    EXPECT_EQ(self.sandboxes_->count(), 0u);
  };
  io::run_until_done(loop_, test(*this));
}

TEST_F(StemsTest, BootsNothingWhileAnInstanceStarts) {
  make({});
  auto test = [](StemsTest& self) -> io::Task<void> {
    auto& stems = *self.stems_;
    {
      auto hold = stems.hold();
      stems.add_use(self.kind());
      auto deadline = io::Deadline::in(self.loop_, milliseconds(100));
      co_await io::sleep_until(self.loop_, deadline);
      EXPECT_EQ(self.sandboxes_->count(), 0u);
    }
    EXPECT_TRUE(co_await self.until([&] { return stems.count_booted() == 1; }));
  };
  io::run_until_done(loop_, test(*this));
}

TEST_F(StemsTest, WaitsLongerAndLongerForARuntimeThatDoesNotBoot) {
  make({});
  Runtime broken = frames_runtime();
  broken.directory = python_->directory;
  broken.arguments = {"/bin/false"};
  auto test = [](StemsTest& self, const Runtime& runtime) -> io::Task<void> {
    auto& stems = *self.stems_;
    stems.add_use(*stem_kind(runtime, model::mebibytes(128)));
    EXPECT_TRUE(co_await self.until([&] { return stems.lost() == 1; }));
    auto deadline = io::Deadline::in(self.loop_, milliseconds(500));
    co_await io::sleep_until(self.loop_, deadline);
    EXPECT_EQ(stems.lost(), 1u);
    EXPECT_EQ(stems.count(), 0u);
  };
  io::run_until_done(loop_, test(*this, broken));
}

TEST_F(StemsTest, AreOffAfterBindingFailedAgainAndAgain) {
  make({});
  auto test = [](StemsTest& self) -> io::Task<void> {
    auto& stems = *self.stems_;
    stems.add_use(self.kind());
    EXPECT_TRUE(co_await self.until([&] { return stems.count_booted() == 1; }));
    for (int i = 0; i < 3; ++i) stems.bind_failed(Error(ErrorCode::PermissionDenied, "setns: not permitted"));
    EXPECT_TRUE(co_await self.until([&] { return stems.count() == 0; }));
    EXPECT_EQ(stems.take(plan_of(*self.python_, {})).reason, "stems are off");
  };
  io::run_until_done(loop_, test(*this));
}

}  // namespace
}  // namespace virga::runtime
