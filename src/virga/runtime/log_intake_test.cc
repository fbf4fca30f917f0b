#include "virga/runtime/log_intake.h"

#include <gtest/gtest.h>

namespace virga::runtime {
namespace {

using std::chrono::seconds;

TEST(LogIntake, MakesLinesOutOfPieces) {
  SteadyTime now;
  LogIntake intake(now);
  std::string out;
  intake.add_bytes("one\ntw", now, out);
  EXPECT_EQ(out, "one\n");
  intake.add_bytes("o\n\nthree", now, out);
  EXPECT_EQ(out, "one\ntwo\n\n");
  intake.finish(now, out);
  EXPECT_EQ(out, "one\ntwo\n\nthree\n");
}

TEST(LogIntake, SplitsALineThatNeverEnds) {
  SteadyTime now;
  LogIntake intake(now);
  std::string out;
  intake.add_bytes(std::string(LogIntake::kMaxLine + 5, 'x'), now, out);
  EXPECT_EQ(out.size(), LogIntake::kMaxLine + 1);
}

TEST(LogIntake, DropsAFloodAndSaysHowMuch) {
  SteadyTime now;
  LogIntake intake(now);
  std::string out;
  std::string line(1023, 'x');
  for (int i = 0; i < 3000; ++i) intake.add_lines(line, now, out);
  EXPECT_LE(out.size(), LogIntake::kBytesPerSecond);
  EXPECT_EQ(intake.dropped_bytes(), (3000u - 1024u) * 1024u);
  out.clear();
  intake.add_lines("after", now + seconds(1), out);
  EXPECT_EQ(out, "[virga] 2023424 bytes of log dropped: more than 1 MiB a second\nafter\n");
}

}  // namespace
}  // namespace virga::runtime
