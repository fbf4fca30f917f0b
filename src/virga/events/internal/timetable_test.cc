#include "virga/events/internal/timetable.h"

#include <gmock/gmock.h>

namespace virga::events::internal {
namespace {

using namespace std::chrono;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr UtcTime kStart{seconds(1'700'000'000)};

UtcTime at(std::int64_t second) {
  return kStart + seconds(second);
}

Plan every(const char* text) {
  Plan plan{*Expression::parse(text), Zone::utc(), {}, {}, {}, Missed::Once, true, kStart, 0};
  return plan;
}

// Takes what fires at `now` and is done with it: seconds behind the start.
std::vector<std::int64_t> fire(Timetable& table, std::int64_t now) {
  std::vector<std::int64_t> times;
  while (auto firing = table.take(at(now))) {
    for (auto time : firing->times) times.push_back((time - kStart).count());
    table.done(*firing);
  }
  return times;
}

TEST(Timetable, FiresEachTimeOnce) {
  Timetable table;
  table.put("a", every("rate(1 minute)"), kStart);
  EXPECT_EQ(table.next(), at(60));
  EXPECT_THAT(fire(table, 59), IsEmpty());
  EXPECT_THAT(fire(table, 60), ElementsAre(60));
  EXPECT_THAT(fire(table, 61), IsEmpty());
  EXPECT_THAT(fire(table, 125), ElementsAre(120));
  EXPECT_EQ(table.next(), at(180));
}

TEST(Timetable, DoesNotFireAgainWhenTheClockGoesBack) {
  Timetable table;
  table.put("a", every("rate(1 minute)"), kStart);
  EXPECT_THAT(fire(table, 60), ElementsAre(60));
  EXPECT_THAT(fire(table, 10), IsEmpty());
  EXPECT_THAT(fire(table, 60), IsEmpty());
  EXPECT_THAT(fire(table, 120), ElementsAre(120));
}

TEST(Timetable, NamesWhatIsComingOnceForEachTime) {
  Timetable table;
  table.put("a", every("rate(1 minute)"), kStart);
  table.put("b", every("rate(2 minutes)"), kStart);
  EXPECT_THAT(table.take_coming(at(59)), IsEmpty());
  EXPECT_EQ(table.next_coming(), at(60));
  EXPECT_THAT(table.take_coming(at(62)), ElementsAre("a"));
  EXPECT_THAT(table.take_coming(at(63)), IsEmpty());
  EXPECT_THAT(fire(table, 60), ElementsAre(60));
  EXPECT_EQ(table.next_coming(), at(120));
  EXPECT_THAT(table.take_coming(at(120)), ElementsAre("a", "b"));
  EXPECT_EQ(table.next_coming(), std::nullopt);
  // Put forward, and back again: what comes later is still named.
  EXPECT_THAT(table.take_coming(at(7200)), IsEmpty());
  EXPECT_THAT(table.take_coming(at(100)), IsEmpty());
  EXPECT_THAT(table.take_coming(at(121)), ElementsAre("a", "b"));
}

TEST(Timetable, TreatsMissedTimesAsThePlanSays) {
  struct Case {
    Missed missed;
    std::int64_t now;
    std::vector<std::int64_t> fired;
  };
  const Case cases[] = {
      {Missed::Once, 330, {300}},
      {Missed::All, 330, {60, 120, 180, 240, 300}},
      {Missed::Skip, 330, {300}},  // half a minute late is not missed
      {Missed::Skip, 60 + 59, {60}},
  };
  for (const auto& [missed, now, fired] : cases) {
    Timetable table;
    auto plan = every("rate(1 minute)");
    plan.missed = missed;
    table.put("a", plan, kStart);
    EXPECT_EQ(fire(table, now), fired) << static_cast<int>(missed) << " at " << now;
  }
  Timetable table;
  auto plan = every("rate(1 hour)");
  plan.missed = Missed::Skip;
  table.put("a", plan, kStart);
  auto firing = table.take(at(3 * 3600 + 600));
  ASSERT_TRUE(firing);
  EXPECT_THAT(firing->times, IsEmpty());
  EXPECT_EQ(firing->missed_from, at(3600));
  EXPECT_EQ(firing->missed_to, at(3 * 3600));
  table.done(*firing);
  EXPECT_EQ(table.next(), at(4 * 3600));
}

TEST(Timetable, WritesDownWhatIsNotMadeUpFor) {
  Timetable table;
  table.put("a", every("rate(1 minute)"), kStart);
  auto firing = table.take(at(200));
  ASSERT_TRUE(firing);
  EXPECT_THAT(firing->times, ElementsAre(at(180)));
  EXPECT_EQ(firing->missed_from, at(60));
  EXPECT_EQ(firing->missed_to, at(120));
}

TEST(Timetable, MakesUpForManyInPieces) {
  Timetable table;
  auto plan = every("rate(1 second)");
  plan.missed = Missed::All;
  table.put("a", plan, kStart);
  auto firing = table.take(at(250));
  ASSERT_TRUE(firing);
  EXPECT_EQ(firing->times.size(), Timetable::kMostAtOnce);
  table.done(*firing);
  EXPECT_EQ(fire(table, 250).size(), 250 - Timetable::kMostAtOnce);
}

TEST(Timetable, FindsTheLastOfVeryMany) {
  Timetable table;
  table.put("a", every("cron(* * ? JAN * *)"), kStart);  // November 2023
  constexpr std::int64_t kYear = 366 * 86400;
  auto firing = table.take(at(kYear));
  ASSERT_TRUE(firing);
  ASSERT_EQ(firing->times.size(), 1u);
  EXPECT_EQ(firing->times[0], sys_days(2024y / January / 31) + hours(23) + minutes(59));
}

TEST(Timetable, KeepsWithinStartAndEnd) {
  Timetable table;
  auto plan = every("rate(1 minute)");
  plan.start = at(30);
  plan.end = at(90);
  table.put("a", plan, kStart);
  EXPECT_THAT(fire(table, 30), ElementsAre(30));
  auto firing = table.take(at(90));
  ASSERT_TRUE(firing);
  EXPECT_THAT(firing->times, ElementsAre(at(90)));
  EXPECT_TRUE(firing->is_last);
  table.done(*firing);
  EXPECT_EQ(table.next(), std::nullopt);
  EXPECT_TRUE(table.contains("a"));
}

TEST(Timetable, SpreadsOverTheWindowAndStaysInIt) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Timetable table;
    auto plan = every("rate(1 hour)");
    plan.window = minutes(10);
    plan.seed = seed;
    table.put("a", plan, kStart);
    auto next = table.next();
    ASSERT_TRUE(next);
    EXPECT_GE(*next, at(3600));
    EXPECT_LT(*next, at(3600 + 600));
    EXPECT_THAT(fire(table, 3600 + 600), ElementsAre(3600));
  }
}

TEST(Timetable, RestsWhatIsTakenAndForgetsWhatIsReplaced) {
  Timetable table;
  table.put("a", every("rate(1 minute)"), kStart);
  auto firing = table.take(at(60));
  ASSERT_TRUE(firing);
  EXPECT_FALSE(table.take(at(60)));
  table.again(*firing);
  firing = table.take(at(60));
  ASSERT_TRUE(firing);
  table.put("a", every("rate(1 hour)"), at(60));
  EXPECT_FALSE(table.is_current(*firing));
  table.done(*firing);
  EXPECT_EQ(table.next(), at(3600));
  table.remove("a");
  EXPECT_EQ(table.next(), std::nullopt);
  EXPECT_EQ(table.size(), 0u);
}

TEST(Timetable, DoesNotFireWhatIsDisabled) {
  Timetable table;
  auto plan = every("rate(1 minute)");
  plan.is_enabled = false;
  table.put("a", plan, kStart);
  EXPECT_EQ(table.next(), std::nullopt);
  EXPECT_THAT(fire(table, 1000), IsEmpty());
}

}  // namespace
}  // namespace virga::events::internal
