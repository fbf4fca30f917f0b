#include "virga/dialects/virga/phases.h"

#include <gtest/gtest.h>

namespace virga::dialects {
namespace {

using std::chrono::microseconds;

TEST(Phases, AreWrittenInMilliseconds) {
  model::Phases phases;
  phases.queue = microseconds(12);
  phases.start = microseconds(1204);
  phases.init = microseconds(530);
  phases.run = microseconds(2000000);
  EXPECT_EQ(format_phases(phases), "queue=0.012,start=1.204,attach=0,boot=0,init=0.53,run=2000");
}

TEST(Start, IsNamedWithItsReason) {
  model::Outcome outcome;
  EXPECT_EQ(format_start(outcome), "");
  outcome.start_kind = model::StartKind::Stem;
  EXPECT_EQ(format_start(outcome), "stem");
  outcome.start_kind = model::StartKind::Cold;
  outcome.cold_reason = "NODE_OPTIONS is set";
  EXPECT_EQ(format_start(outcome), "cold; NODE_OPTIONS is set");
  outcome.no_fork_reason = "its code leaves a thread running";
  EXPECT_EQ(format_start(outcome), "cold; NODE_OPTIONS is set; no fork: its code leaves a thread running");
  outcome.start_kind = model::StartKind::Stem;
  EXPECT_EQ(format_start(outcome), "stem; no fork: its code leaves a thread running");
  outcome.start_kind = model::StartKind::Fork;
  outcome.cold_reason.clear();
  EXPECT_EQ(format_start(outcome), "fork");
  outcome.cold_reason = "none was waiting";
  EXPECT_EQ(format_start(outcome), "fork; none was waiting");
}

}  // namespace
}  // namespace virga::dialects
