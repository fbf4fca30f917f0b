// The dispatcher in simulated time, under seeds: functions that start slowly or not at all, crash, hang and flood; new
// versions, limits, restarts; clocks that jump and a program that stands still. Every call is judged (testing/judge.h),
// and in the end nothing may be left. A failing seed gives the same run again:
//
//   VIRGA_SEED=17 virga_dispatch_test --gtest_filter=Simulation.*
//   VIRGA_SEEDS=10000 VIRGA_HOURS=4 virga_dispatch_test --gtest_filter=Simulation.*

#include "virga/base/testing/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "virga/catalog/testing/test_catalog.h"
#include "virga/dispatch/dispatcher.h"
#include "virga/dispatch/provisioned.h"
#include "virga/dispatch/testing/judge.h"
#include "virga/dispatch/testing/simulated_instances.h"
#include "virga/io/task_group.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

using simulation::Chance;
using simulation::Journal;
using simulation::JumpingClock;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Judge;
using testing::Mood;

constexpr std::uint32_t kAccount = 30;
constexpr std::uint32_t kInstances = 12;
constexpr model::Bytes kMemory = model::mebibytes(1024);
constexpr seconds kTimeout{20};  // of each function
constexpr std::uint32_t kPinned = 2;
// "steady" has an answer at least so often, whatever the others do: one of theirs runs until its timeout and is then
// given up to it, and it starts.
constexpr seconds kStarving = kTimeout + seconds(10);

// What goes wrong here goes wrong on purpose.
class Silence final : public log::Sink {
 public:
  void write(const log::Record&) override {}
};

enum class Jumps { None, OfTheWallClock };

Mood mood(microseconds start, microseconds run_least, microseconds run_most) {
  Mood mood;
  mood.start_least = start / 2;
  mood.start_most = start * 2;
  mood.run_least = run_least;
  mood.run_most = run_most;
  return mood;
}

class World {
 public:
  World(std::uint64_t seed, Journal& journal, Jumps jumps = Jumps::OfTheWallClock)
      : chance_(seed), jump_chance_(seed), jumps_(jumps), tests_({}, chance_), judge_(clock_, journal, limits()) {
    add("steady", mood(milliseconds(200), milliseconds(5), milliseconds(200)));
    auto quick = mood(milliseconds(100), microseconds(50), microseconds(300));
    quick.prefetches = true;
    add("quick", quick);
    auto slow = mood(seconds(3), seconds(1), seconds(15));
    slow.memory = model::mebibytes(150);
    add("slow", slow);
    auto broken = mood(milliseconds(50), milliseconds(10), milliseconds(20));
    broken.start_failures = 2;
    add("broken", broken);
    auto hanging = quick;
    hanging.hangs = 30;
    add("hanging", hanging);
    auto crashing = quick;
    crashing.crashes = 20;
    crashing.last_answers = 50;
    crashing.idle_deaths = 3;
    add("crashing", crashing);
    add("guarded", mood(milliseconds(100), milliseconds(5), milliseconds(50)));
    add("limited", mood(milliseconds(100), milliseconds(1), milliseconds(20)));
    add("reserved", mood(milliseconds(300), milliseconds(50), milliseconds(500)));
    auto server = mood(seconds(1), milliseconds(5), milliseconds(500));
    server.concurrency = 8;
    server.crashes = 200;
    server.hangs = 500;
    add("server", server);
    auto pinned = mood(milliseconds(500), milliseconds(20), milliseconds(100));
    pinned.memory = model::mebibytes(30);
    pinned.idle_deaths = 20;
    add("pinned", pinned);
    auto forked = mood(milliseconds(2), milliseconds(1), milliseconds(30));
    forked.is_forked = true;
    add("forked", forked);

    tag("guarded", {{"virga:breaker", "50%"}, {"virga:fallback", "[\"later\"]"}});
    judge_.held["guarded"] = {.has_breaker = true, .fallback = "[\"later\"]"};
    tag("limited", {{"virga:rate", "5"}, {"virga:burst", "10"}});
    judge_.held["limited"] = {.rate = 5, .burst = 10};
    judge_.held["reserved"].reserved = 3;
    EXPECT_TRUE(tests_.catalog->reserve_concurrency(model::FunctionName("reserved"), 3));
    EXPECT_TRUE(tests_.catalog->publish_version(model::FunctionName("pinned")));
    EXPECT_TRUE(tests_.catalog->attach(model::FunctionName("pinned"), {std::string(kProvisionedKind), "1"},
                                       write_provisioned({kPinned, {}})));
    maker_.on_make = [this] { check_room(); };
    boot();
  }
  ~World() {
    is_over_ = true;
    if (dispatcher_) shut_down();
    advance(seconds(1));  // who waits to call again sees that it is over
  }

  void run(hours time) {
    auto end = now() + time;
    callers_.add(call_steadily());
    steady_heard_ = now();
    while (now() < end && !::testing::Test::HasFailure()) step();
    is_over_ = true;
    if (!::testing::Test::HasFailure()) check_that_nothing_is_left();
  }

 private:
  struct Function {
    std::string name;
    Mood usual;
    milliseconds gap{};  // between calls, on the average; 0: none come
    SteadyTime until{};  // so
    SteadyTime next{};   // call
  };
  static Judge::Limits limits() { return {kAccount, milliseconds(5000)}; }
  SteadyTime now() const { return clock_.steady(); }

  void add(const std::string& name, Mood mood) {
    auto request = tests_.request(name);
    request.config.timeout = kTimeout;
    request.config.memory = model::mebibytes(256);
    request.config.concurrency = static_cast<std::uint32_t>(mood.concurrency);
    EXPECT_TRUE(tests_.catalog->create_function(request));
    functions_.push_back({.name = name, .usual = mood});
    maker_.moods[name] = mood;
    judge_.held[name];
  }
  void tag(const std::string& name, const std::map<std::string, std::string>& tags) {
    EXPECT_TRUE(tests_.catalog->tag_function(model::FunctionName(name), tags));
  }

  void boot() {
    registry_ = std::make_unique<metrics::Registry>();
    Options options;
    options.account_concurrency = kAccount;
    options.memory_budget = kMemory;
    options.max_instances = kInstances;
    options.max_queue_wait = limits().queue_wait;
    options.idle_time = minutes(10);
    dispatcher_.emplace(Dispatcher::Parts{*loop_, *tests_.catalog, maker_, logs_, *registry_}, options);
    rounds();
  }
  void shut_down() {
    judge_.set_stopping(true);
    // Instances need time for their end.
    bool is_stopped = false;
    io::TaskGroup stopping(*loop_);
    stopping.add(stop(is_stopped));
    for (int i = 0; i < 100 && !(is_stopped && living_.empty()); ++i) advance(milliseconds(100));
    EXPECT_TRUE(is_stopped);
    EXPECT_TRUE(living_.empty());
    EXPECT_EQ(judge_.inside(), 0u) << "calls that nobody answers";
    dispatcher_.reset();
    rounds();
    judge_.set_stopping(false);
  }
  io::Task<void> stop(bool& is_stopped) {
    co_await dispatcher_->stop();
    is_stopped = true;
  }

  // ---- Time.
  void rounds() {
    for (int i = 0; i < 3; ++i) {
      loop_->stop();
      loop_->run();
    }
  }
  void advance(SteadyTime::duration by) {
    auto end = now() + by;
    while (now() < end) {
      auto next = std::min(end, now() + (judge_.inside() > 0 ? milliseconds(20) : milliseconds(500)));
      for (const auto* instance : living_) next = std::min(next, instance->moment());
      clock_.turn(std::max(next - now(), SteadyTime::duration(1)));
      loop_->post([this] { wake_instances(); });
      rounds();
      check_step();
    }
  }
  void wake_instances() {
    for (auto* instance : std::vector<testing::SimulatedInstance*>(living_)) {
      bool is_alive = std::ranges::find(living_, instance) != living_.end();
      if (is_alive && instance->moment() <= now()) instance->wake();
    }
  }

  // ---- What happens.
  void step() {
    for (auto& function : functions_) {
      if (function.until <= now()) change_traffic(function);
      if (function.gap.count() > 0 && function.next <= now()) {
        auto kind = chance_.one_in(4) ? model::InvocationKind::Event : model::InvocationKind::Waited;
        callers_.add(call(function.name, kind));
        function.next = now() + chance_.between(milliseconds(1), function.gap * 2);
      }
    }
    if (chance_.one_in(400)) change_a_mood();
    if (chance_.one_in(400)) deploy();
    if (chance_.one_in(200)) prepare();
    if (chance_.one_in(4000)) {
      shut_down();
      boot();
      steady_heard_ = now();
    }
    if (chance_.one_in(3000)) {
      auto time = chance_.between(milliseconds(100), milliseconds(20'000));
      judge_.stood_still(time);
      steady_heard_ += time;
      clock_.turn(time);
      rounds();
    }
    if (jump_chance_.one_in(500) && jumps_ == Jumps::OfTheWallClock) {
      clock_.jump(seconds(static_cast<std::int64_t>(jump_chance_.below(7200)) - 3600));
    }
    auto soon = now() + milliseconds(500);
    for (const auto& function : functions_) {
      soon = std::min(soon, function.until);
      if (function.gap.count() > 0) soon = std::min(soon, function.next);
    }
    advance(std::max(soon - now(), SteadyTime::duration(milliseconds(1))));
  }
  // Most functions are silent most of the time; now and then one is called without a pause.
  void change_traffic(Function& function) {
    function.until = now() + chance_.between(milliseconds(5'000), milliseconds(240'000));
    function.gap = {};
    auto kind = chance_.below(20);
    if (kind < 3) function.gap = milliseconds(5000);
    if (kind == 3) {
      function.gap = milliseconds(100);
      function.until = now() + seconds(20);
    }
    if (kind == 4) {
      auto callers = 1 + chance_.below(3 * kAccount);
      for (std::uint64_t i = 0; i < callers; ++i) callers_.add(call_many(function.name, 1 + chance_.below(10)));
    }
    function.next = now();
  }
  void change_a_mood() {
    const auto& function = functions_[1 + chance_.below(functions_.size() - 1)];
    auto& mood = maker_.moods[function.name];
    mood = function.usual;
    if (chance_.one_in(2)) return;
    mood.start_failures = chance_.below(4);
    mood.faults = chance_.below(3);
    mood.crashes = chance_.below(20);
    mood.hangs = chance_.below(50);
    if (chance_.one_in(2)) mood.start_most *= 10;
    if (chance_.one_in(2)) mood.run_most *= 5;
  }
  void deploy() {
    model::FunctionName name(functions_[chance_.below(functions_.size())].name);
    judge_.tell("deploy " + name.text());
    if (chance_.one_in(4)) {
      (void)tests_.catalog->roll_back(name);
    } else {
      catalog::UpdateConfig update;
      update.change = [](model::FunctionConfig& config) {
        config.description = config.description.size() > 20 ? "" : config.description + "x";
        return Result<>();
      };
      EXPECT_TRUE(tests_.catalog->update_config(name, update));
    }
    catalog::StateChange change;
    change.state = model::FunctionState::Active;
    EXPECT_TRUE(tests_.catalog->set_state(name, model::VersionNumber(), change));
    rounds();
  }

  // For a call that may come or not.
  void prepare() {
    const auto& function = functions_[chance_.below(functions_.size())];
    auto killed = [this] { return std::ranges::count_if(living_, [](const auto* one) { return one->is_killed(); }); };
    auto before = killed();
    judge_.tell("prepare " + function.name);
    dispatcher_->prepare(tests_.catalog->resolve(model::FunctionName(function.name), "", 0).value());
    EXPECT_EQ(killed(), before) << "an instance was ended for one that nobody has called yet";
    rounds();
  }

  // ---- Calls.
  io::Task<void> call(std::string function, model::InvocationKind kind) {
    (void)co_await call_once(std::move(function), kind);
  }
  io::Task<bool> call_once(std::string function, model::InvocationKind kind) {
    if (!dispatcher_) co_return false;
    // Calls of "pinned" go to the version that is kept ready.
    auto target =
        tests_.catalog->resolve(model::FunctionName(function), function == "pinned" ? "1" : "", chance_.fraction());
    if (!target) co_return false;
    model::Invocation invocation;
    auto id = judge_.begin(function, kind);
    invocation.id = model::RequestId(id);
    invocation.payload = id;
    invocation.kind = kind;
    auto outcome = co_await dispatcher_->invoke(std::move(*target), std::move(invocation));
    co_return judge_.end(id, outcome);
  }
  io::Task<void> call_many(std::string function, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count && !is_over_; ++i) {
      bool is_answered = co_await call_once(function, model::InvocationKind::Waited);
      if (!is_answered) co_await io::sleep_until(*loop_, io::Deadline::in(*loop_, milliseconds(200)));
    }
  }
  io::Task<void> call_steadily() {
    while (!is_over_) {
      bool is_answered = co_await call_once("steady", model::InvocationKind::Waited);
      if (is_answered) steady_heard_ = now();
      auto pause = is_answered ? milliseconds(2000) : milliseconds(100);
      co_await io::sleep_until(*loop_, io::Deadline::in(*loop_, pause));
    }
  }

  // ---- What must hold.
  void check_step() {
    if (!is_over_) EXPECT_LE(now() - steady_heard_, kStarving) << "steady starves";
    if (++steps_ % 64 != 0 || !dispatcher_) return;
    auto frozen = std::ranges::count_if(living_, [](const auto* one) { return one->is_frozen(); });
    EXPECT_EQ(gauge("virga_instances_frozen"), frozen);
    auto counts = dispatcher_->instances();
    EXPECT_LE(counts.starting + counts.idle + counts.busy, living_.size());
  }
  // When an instance has just been let in and does not live yet.
  void check_room() {
    std::size_t count = 1;
    std::uint64_t known = 0;
    for (const auto* instance : living_) {
      if (instance->is_killed()) continue;
      ++count;
      known += instance->reported().count;
    }
    EXPECT_LE(count, kInstances);
    if (count > 1) EXPECT_LE(known, kMemory.count);
  }
  double gauge(const std::string& name) {
    auto text = registry_->expose();
    auto at = text.find("\n" + name + " ");
    return at == text.npos ? -1 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
  }

  void check_that_nothing_is_left() {
    for (auto& function : functions_) maker_.moods[function.name] = heal(function.usual);
    // Whatever runs ends by its timeout, whatever waits by the bound of the queue.
    advance(2 * kTimeout + limits().queue_wait);
    EXPECT_EQ(judge_.inside(), 0u) << "calls that do not end";
    EXPECT_EQ(callers_.size(), 0u);
    judge_.check_rates();
    advance(minutes(2));  // then no function has a share but the one that calls
    auto counts = dispatcher_->instances();
    EXPECT_EQ(counts.starting, 0u);
    EXPECT_EQ(counts.busy, 0u);

    expect_room_for("slow", kAccount);
    advance(minutes(2));
    expect_room_for("reserved", 3);
    // A breaker closes again, whatever it has seen.
    for (int i = 0; i < 5; ++i) {
      callers_.add(call("guarded", model::InvocationKind::Waited));
      advance(seconds(31));
    }
    auto runs = judge_.runs("guarded");
    callers_.add(call("guarded", model::InvocationKind::Waited));
    advance(hours(2));
    EXPECT_EQ(judge_.runs("guarded"), runs + 1) << "the breaker stays open";
    auto pinned = tests_.catalog->resolve(model::FunctionName("pinned"), "1", 0).value();
    EXPECT_EQ(dispatcher_->provisioned(*pinned.version).available, kPinned);
    EXPECT_EQ(living_.size(), kPinned) << "what nobody has called for hours is there";
    for (const auto& function : functions_) {
      EXPECT_TRUE(tests_.catalog->delete_function(model::FunctionName(function.name)));
    }
    advance(minutes(1));
    EXPECT_TRUE(living_.empty()) << "functions are gone, and their instances are not";
  }
  static Mood heal(Mood mood) {
    mood.start_failures = mood.faults = mood.crashes = mood.hangs = mood.last_answers = mood.idle_deaths = 0;
    mood.start_most = mood.start_least;
    return mood;
  }
  // All places of the account, or of a function's reserve, can be taken: none has leaked.
  void expect_room_for(const std::string& function, std::uint32_t count) {
    auto before = judge_.refusals(kAccountConcurrency) + judge_.refusals(kReservedConcurrency);
    for (std::uint32_t i = 0; i < count; ++i) callers_.add(call(function, model::InvocationKind::Waited));
    advance(kTimeout);
    auto after = judge_.refusals(kAccountConcurrency) + judge_.refusals(kReservedConcurrency);
    EXPECT_EQ(after, before) << function << ": places are missing";
  }

  Silence silence_;
  log::Destination destination_{silence_, log::Level::Error};
  Chance chance_;
  Chance jump_chance_;
  Jumps jumps_;
  JumpingClock clock_;
  catalog::testing::TestCatalog tests_;
  std::unique_ptr<io::Loop> loop_ = io::Loop::create(clock_).value();
  Judge judge_;
  std::vector<testing::SimulatedInstance*> living_;
  testing::SimulatedInstances maker_{{*loop_, chance_, judge_, living_, Options().freeze_after}};
  ledger::Logs logs_{*loop_};
  std::unique_ptr<metrics::Registry> registry_;
  io::TaskGroup callers_{*loop_};
  std::vector<Function> functions_;
  std::optional<Dispatcher> dispatcher_;
  SteadyTime steady_heard_;
  std::uint64_t steps_ = 0;
  bool is_over_ = false;
};

TEST(Simulation, EveryCallEndsOnceAndRightlyAndNothingIsLeft) {
  simulation::run_seeds("dispatch", 3, hours(1), [](std::uint64_t seed, hours time, Journal& journal) {
    World world(seed, journal);
    world.run(time);
  });
}

TEST(Simulation, JumpsOfTheWallClockChangeNothing) {
  Journal plain;
  World(7, plain, Jumps::None).run(hours(1));
  Journal jumping;
  World(7, jumping, Jumps::OfTheWallClock).run(hours(1));
  EXPECT_EQ(plain.hash(), jumping.hash());
}

}  // namespace
}  // namespace virga::dispatch
