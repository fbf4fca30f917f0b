#include "bench/load/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/os/file.h"

namespace virga::load {
namespace {

Result<std::optional<Options>> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "virga-load");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

constexpr const char* kUrl = "http://127.0.0.1:80/x";

TEST(Options, RefuseWhatCannotBeRun) {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"run"},
      {"run", kUrl},
      {"run", kUrl, "--rate", "0"},
      {"run", kUrl, "--rate", "1", "--requests", "1"},
      {"run", kUrl, "--rate", "1", "--connections", "0"},
      {"run", kUrl, "--rate", "1", "--paths", "/nonexistent/paths"},
      {"run", kUrl, "--rate", "1", "--tick", "1001"},
      {"run", "http://192.168.1.1/", "--rate", "1"},
      {"search", kUrl, "--runs", "0"},
      {"search", kUrl, "--success", "2"},
      {"fly", kUrl},
  };
  for (const auto& arguments : wrong) EXPECT_FALSE(parse(arguments)) << testing::PrintToString(arguments);
}

TEST(Options, AMillionInAMinute) {
  auto options = parse({"run", kUrl, "--requests", "1000000", "--seconds", "60", "--cores", "0,1"});
  ASSERT_TRUE(options) << options.error().message();
  const Work& work = (*options)->work;
  EXPECT_DOUBLE_EQ(work.plan.rate, 1e6 / 60);
  EXPECT_EQ(work.plan.length, std::chrono::seconds(60));
  EXPECT_EQ(work.plan.arrivals, Arrivals::Constant);
  EXPECT_EQ(work.cores, (std::vector<int>{0, 1}));
  EXPECT_EQ(work.requests.size(), 1U);
}

TEST(Options, PoissonArrivalsTakeTheirSeed) {
  auto options = parse({"run", kUrl, "--rate", "5", "--poisson", "42"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ((*options)->work.plan.arrivals, Arrivals::Poisson);
  EXPECT_EQ((*options)->work.plan.seed, 42U);
}

TEST(Options, ABurstHasAConnectionForEachPath) {
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  std::string file = folder->path() + "/paths";
  ASSERT_TRUE(os::write_file_durably(file, "/a\n/b\n/c\n"));
  auto options = parse({"burst", kUrl, "--paths", file.c_str()});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ((*options)->mode, Mode::Burst);
  EXPECT_EQ((*options)->work.plan.at_once, 3U);
  EXPECT_EQ((*options)->work.connections, 3U);
  auto fewer = parse({"burst", kUrl, "--paths", file.c_str(), "--connections", "2"});
  ASSERT_TRUE(fewer);
  EXPECT_EQ((*fewer)->work.connections, 2U);
}

TEST(Options, ASearchHasLimitsAndConditions) {
  auto options =
      parse({"search", kUrl, "--from", "100", "--to", "200", "--mean", "30", "--success", "0.99", "--rest", "0"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ((*options)->mode, Mode::Search);
  EXPECT_EQ((*options)->limits.lowest, 100);
  EXPECT_EQ((*options)->limits.highest, 200);
  EXPECT_EQ((*options)->conditions.mean_ms, 30);
  EXPECT_EQ((*options)->conditions.success_ratio, 0.99);
  EXPECT_EQ((*options)->rest.count(), 0);
}

}  // namespace
}  // namespace virga::load
