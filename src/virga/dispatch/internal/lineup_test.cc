#include "virga/dispatch/internal/lineup.h"

#include <gtest/gtest.h>

#include <array>

namespace virga::dispatch {
namespace {

TEST(Lineup, IsEmptyAtFirst) {
  Lineup lineup;
  EXPECT_EQ(lineup.idle(), nullptr);
  EXPECT_EQ(lineup.least_busy(), nullptr);
  EXPECT_EQ(lineup.fullest_below(Lineup::kMaxDepth), nullptr);
}

TEST(Lineup, NamesTheOneThatBecameIdleLast) {
  Lineup lineup;
  std::array<Lineup::Member, 3> members;
  for (auto& member : members) lineup.put(member, 0);
  EXPECT_EQ(lineup.idle(), &members[2]);
  lineup.put(members[0], 0);
  EXPECT_EQ(lineup.idle(), &members[0]);
  lineup.remove(members[0]);
  EXPECT_EQ(lineup.idle(), &members[2]);
  lineup.remove(members[1]);
  EXPECT_EQ(lineup.idle(), &members[2]);
  EXPECT_EQ(lineup.idle_count(), 1u);
}

TEST(Lineup, FindsBusyOnesByTheirDepth) {
  Lineup lineup;
  std::array<Lineup::Member, 4> members;
  lineup.put(members[0], 0);
  lineup.put(members[1], 3);
  lineup.put(members[2], 7);
  lineup.put(members[3], Lineup::kMaxDepth);
  EXPECT_EQ(lineup.least_busy(), &members[1]);
  EXPECT_EQ(lineup.fullest_below(0), nullptr);
  EXPECT_EQ(lineup.fullest_below(1), nullptr) << "an idle one is not busy";
  EXPECT_EQ(lineup.fullest_below(3), nullptr);
  EXPECT_EQ(lineup.fullest_below(7), &members[1]);
  EXPECT_EQ(lineup.fullest_below(8), &members[2]);
  EXPECT_EQ(lineup.fullest_below(1000), &members[3]);
  lineup.remove(members[1]);
  EXPECT_EQ(lineup.least_busy(), &members[2]);
}

TEST(Lineup, RemovingWhatIsNotInDoesNothing) {
  Lineup lineup;
  Lineup::Member member;
  lineup.remove(member);
  lineup.put(member, 0);
  lineup.remove(member);
  lineup.remove(member);
  EXPECT_EQ(lineup.idle_count(), 0u);
  EXPECT_EQ(lineup.idle(), nullptr);
}

}  // namespace
}  // namespace virga::dispatch
