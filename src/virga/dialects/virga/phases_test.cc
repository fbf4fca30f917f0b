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
  EXPECT_EQ(format_phases(phases), "queue=0.012,start=1.204,boot=0,init=0.53,run=2000");
}

}  // namespace
}  // namespace virga::dialects
