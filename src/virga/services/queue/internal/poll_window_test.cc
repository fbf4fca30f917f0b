#include "virga/services/queue/internal/poll_window.h"

#include <gmock/gmock.h>

namespace virga::services::queue::internal {
namespace {

using std::chrono::milliseconds;

constexpr SteadyTime at(int ms) {
  return SteadyTime(milliseconds(ms));
}

TEST(PollWindow, GrowsWhileItIsFullAndAllGoesWell) {
  PollWindow window;
  for (std::uint32_t i = 0; i < PollWindow::kFirst; ++i) {
    ASSERT_TRUE(window.may_begin(at(0)));
    window.begin();
  }
  EXPECT_FALSE(window.may_begin(at(0)));
  EXPECT_EQ(window.next_change(), SteadyTime::max());
  window.grow();
  EXPECT_TRUE(window.may_begin(at(0)));
  window.end();
  window.grow();
  EXPECT_EQ(window.size(), PollWindow::kFirst + 1) << "it was not full";
}

TEST(PollWindow, StaysBelowWhatItMayBe) {
  PollWindow window;
  window.set_most(2);
  for (int i = 0; i < 2; ++i) window.begin();
  window.grow();
  EXPECT_FALSE(window.may_begin(at(0)));
}

TEST(PollWindow, RestsLongerWithEachRefusal) {
  PollWindow window;
  EXPECT_EQ(window.refuse(at(0)), milliseconds(100));
  EXPECT_EQ(window.size(), 2u);
  EXPECT_FALSE(window.may_begin(at(99)));
  EXPECT_TRUE(window.may_begin(at(100)));
  EXPECT_EQ(window.next_change(), at(100));
  EXPECT_EQ(window.refuse(at(100)), milliseconds(200));
  for (int i = 0; i < 20; ++i) (void)window.refuse(at(0));
  EXPECT_EQ(window.refuse(at(0)), PollWindow::kLongestRest);
  EXPECT_EQ(window.size(), 1u);
  window.grow();
  EXPECT_EQ(window.refuse(at(0)), PollWindow::kFirstRest);
}

}  // namespace
}  // namespace virga::services::queue::internal
