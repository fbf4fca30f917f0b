#include "virga/sandbox/internal/cgroup_files.h"

#include <gtest/gtest.h>

namespace virga::sandbox {
namespace {

TEST(CgroupFiles, FindsTheMountsOfAMixedMachine) {
  auto mounts = parse_cgroup_mounts(
      "22 1 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
      "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "32 30 0:28 / /sys/fs/cgroup/with\\040space rw shared:9 master:2 - cgroup cgroup rw,memory\n"
      "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
      "broken line\n");
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].path, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts[0].controllers, (std::vector<std::string>{"rw", "cpu", "cpuacct"}));
  EXPECT_EQ(mounts[1].path, "/sys/fs/cgroup/with space");
  EXPECT_TRUE(mounts[2].v2);
}

TEST(CgroupFiles, FindsTheOwnGroupOfAController) {
  constexpr std::string_view kFile = "5:memory:/user/x\n4:cpu,cpuacct:/\n1:name=systemd:/s\n0::/user.slice/a:b\n";
  EXPECT_EQ(parse_own_cgroup(kFile, "memory"), "/user/x");
  EXPECT_EQ(parse_own_cgroup(kFile, "cpuacct"), "/");
  EXPECT_EQ(parse_own_cgroup(kFile, ""), "/user.slice/a:b");
  EXPECT_EQ(parse_own_cgroup(kFile, "pids"), std::nullopt);
}

TEST(CgroupFiles, ReadsFieldsByTheirWholeName) {
  constexpr std::string_view kEvents = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n";
  EXPECT_EQ(parse_field(kEvents, "oom_kill"), 2u);
  EXPECT_EQ(parse_field(kEvents, "oom"), 3u);
  EXPECT_EQ(parse_field(kEvents, "high"), std::nullopt);
  EXPECT_EQ(parse_number("123\n"), 123u);
  EXPECT_EQ(parse_number("max\n"), std::nullopt);
  EXPECT_EQ(parse_number(""), std::nullopt);
  EXPECT_TRUE(has_word("cpuset cpu io memory\n", "cpu"));
  EXPECT_FALSE(has_word("cpuset io\n", "cpu"));
}

TEST(CgroupFiles, NamesGroupsByTheStateFolder) {
  EXPECT_EQ(cgroup_name_for("/var/lib/virga"), cgroup_name_for("/var/lib/virga"));
  EXPECT_NE(cgroup_name_for("/var/lib/virga"), cgroup_name_for("/var/lib/virga2"));
  EXPECT_EQ(cgroup_name_for("").size(), std::string("virga-0123456789abcdef").size());
}

}  // namespace
}  // namespace virga::sandbox
