// Schedules in simulated time: clocks that jump both ways, crashes before and after what a firing writes is on the
// disk. Whatever happens, each time of a schedule is fired for once or written down as missed, and never both.
//
//   VIRGA_SEED=17 virga_events_test --gtest_filter=Simulation.EveryTime*

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "virga/base/testing/simulation.h"
#include "virga/events/internal/timetable.h"

namespace virga::events::internal {
namespace {

using simulation::Chance;
using simulation::Journal;
using std::chrono::seconds;

constexpr UtcTime kStart{seconds(1'700'000'000)};

class World {
 public:
  World(std::uint64_t seed, Journal& journal) : chance_(seed), journal_(journal) {
    const char* expressions[] = {"rate(5 seconds)", "rate(17 seconds)", "rate(1 minute)", "cron(0/5 * * * ? *)",
                                 "cron(30 * ? * TUE *)"};
    for (const auto* expression : expressions) {
      auto missed = static_cast<Missed>(below(3));
      auto window = seconds(below(3) == 0 ? 90 : 0);
      Plan plan{*Expression::parse(expression), Zone::utc(), {}, {}, window, missed, true, kStart, below(1000)};
      disk_.emplace(expression, Kept{plan, kStart, {}, {}});
    }
    restart();
  }

  void run(std::chrono::hours time) {
    while (latest_ < kStart + time && !::testing::Test::HasFatalFailure()) step();
  }

  void step() {
    auto kind = below(20);
    if (kind < 12) {
      now_ += seconds(below(30));
    } else if (kind < 14) {
      now_ += seconds(below(3 * 3600));  // put forward, or asleep
    } else if (kind < 16) {
      now_ -= seconds(below(1800));  // put back
    } else if (kind == 16) {
      now_ += seconds(below(3600));  // down
      restart();
    }
    latest_ = std::max(latest_, now_);
    fire();
  }

  // Looks at every time of every schedule up to where it is done with.
  void check() {
    now_ = latest_ + seconds(7200);
    fire();
    for (const auto& [id, kept] : disk_) {
      auto created = kept.plan.created;
      std::size_t count = 0;
      for (auto time = kept.plan.expression.next_after(kStart, created, kept.plan.zone); time && *time <= kept.mark;
           time = kept.plan.expression.next_after(*time, created, kept.plan.zone)) {
        bool is_missed = std::ranges::any_of(
            kept.missed, [&](const auto& range) { return range.first <= *time && *time <= range.second; });
        bool is_fired = kept.fired.contains(*time);
        ASSERT_NE(is_missed, is_fired) << id << " " << time->time_since_epoch().count();
        ++count;
      }
      ASSERT_GT(kept.mark, kStart + seconds(3600)) << id;
      if (kept.plan.missed == Missed::All) {
        ASSERT_TRUE(kept.missed.empty()) << id;
      }
      ASSERT_GE(count, kept.fired.size()) << id;
    }
  }

 private:
  struct Kept {
    Plan plan;
    UtcTime mark;
    std::set<UtcTime> fired;
    std::vector<std::pair<UtcTime, UtcTime>> missed;
  };

  std::uint64_t below(std::uint64_t bound) { return chance_.below(bound); }
  void tell(std::string line) { journal_.add(SteadyTime(latest_.time_since_epoch()), line); }

  void restart() {
    table_ = {};
    for (const auto& [id, kept] : disk_) table_.put(id, kept.plan, kept.mark);
  }

  void fire() {
    while (auto firing = table_.take(now_)) {
      auto luck = below(40);
      if (luck == 0) {
        restart();  // before anything is written
        continue;
      }
      if (luck == 1) {
        table_.again(*firing);  // the disk refused
        continue;
      }
      auto& kept = disk_.at(firing->id);
      for (auto time : firing->times) {
        tell(firing->id + " for " + std::to_string(time.time_since_epoch().count()));
        ASSERT_TRUE(kept.fired.insert(time).second) << firing->id << " fires twice";
      }
      if (firing->missed_from) kept.missed.emplace_back(*firing->missed_from, firing->missed_to);
      ASSERT_GT(firing->mark, kept.mark) << firing->id;
      kept.mark = firing->mark;
      if (luck == 2) {
        restart();  // before anybody knows that it is written
        continue;
      }
      table_.done(*firing);
    }
  }

  Chance chance_;
  Journal& journal_;
  std::map<std::string, Kept> disk_;
  Timetable table_;
  UtcTime now_ = kStart;
  UtcTime latest_ = kStart;
};

TEST(Simulation, EveryTimeOfAScheduleIsFiredForOnceOrWrittenDownAsMissed) {
  simulation::run_seeds("schedules", 60, std::chrono::hours(24), [](std::uint64_t seed, auto time, Journal& journal) {
    World world(seed, journal);
    world.run(time);
    world.check();
  });
}

}  // namespace
}  // namespace virga::events::internal
