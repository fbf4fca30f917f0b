#include "virga/os/slice.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <thread>

namespace virga::os {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

TEST(Slice, IsOfThisThreadAndLeavesItsNiceness) {
  auto before = slice();
  nanoseconds after{0};
  int niceness = 0;
  std::thread thread([&] {
    EXPECT_EQ(::setpriority(PRIO_PROCESS, 0, 3), 0);  // of a thread alone, on Linux
    set_slice(microseconds(300));
    after = slice();
    niceness = ::getpriority(PRIO_PROCESS, 0);
  });
  thread.join();
  EXPECT_EQ(niceness, 3);
  EXPECT_EQ(slice(), before);
  if (before == nanoseconds(0)) GTEST_SKIP() << "this kernel has no slices of threads (Linux 6.12)";
  EXPECT_EQ(after, microseconds(300));
}

}  // namespace
}  // namespace virga::os
