#include "virga/sandbox/doctor.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace virga::sandbox {
namespace {

TEST(Doctor, SaysSomethingAboutEverythingASandboxNeeds) {
  auto checks = examine();
  for (const char* name : {"kernel", "user namespaces", "cgroups", "seccomp", "landlock", "/tmp", "egress",
                           "start as root", "start rootless"}) {
    auto found = std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.name == name; });
    ASSERT_NE(found, checks.end()) << name;
    EXPECT_FALSE(found->detail.empty()) << name;
    // Whoever is told that something is missing is told what to do.
    if (found->state == Check::State::Missing) EXPECT_FALSE(found->fix.empty()) << name;
  }
}

}  // namespace
}  // namespace virga::sandbox
