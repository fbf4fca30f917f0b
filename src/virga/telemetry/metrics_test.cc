#include "virga/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "virga/base/clock.h"
#include "virga/os/file.h"
#include "virga/telemetry/process_metrics.h"

namespace virga::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The value of a line that begins with `name ` in an exposition; -1 if there is none.
double value_of(const std::string& exposition, const std::string& name) {
  const auto place = exposition.find("\n" + name + " ");
  return place == std::string::npos ? -1 : std::strtod(exposition.c_str() + place + name.size() + 2, nullptr);
}

TEST(Metrics, ShowCountersAndGaugesWithHelpAndType) {
  Registry registry;
  registry.counter("virga_events_total", "Events taken.").add(3);
  auto& gauge = registry.gauge("virga_instances", "Instances alive.");
  gauge.set(5);
  gauge.subtract(7);
  EXPECT_EQ(registry.expose(),
            "# HELP virga_events_total Events taken.\n"
            "# TYPE virga_events_total counter\n"
            "virga_events_total 3\n"
            "# HELP virga_instances Instances alive.\n"
            "# TYPE virga_instances gauge\n"
            "virga_instances -2\n");
}

TEST(Metrics, TellCellsApartByTheirLabels) {
  Registry registry;
  auto& family = registry.counters("virga_invocations_total", "Invocations.", {"function", "outcome"});
  const auto failed = family.with({"hello", "error"});
  family.with({"hello", "ok"})->add(2);
  failed->add();
  EXPECT_EQ(family.with({"hello", "error"}), failed);
  EXPECT_THAT(registry.expose(), HasSubstr("virga_invocations_total{function=\"hello\",outcome=\"error\"} 1\n"
                                           "virga_invocations_total{function=\"hello\",outcome=\"ok\"} 2\n"));
}

TEST(Metrics, NoLongerShowARemovedCellThatIsStillCounted) {
  Registry registry;
  auto& family = registry.counters("virga_invocations_total", "Invocations.", {"function"});
  const auto cell = family.with({"gone"});
  family.remove({"gone"});
  cell->add();
  EXPECT_THAT(registry.expose(), Not(HasSubstr("gone")));
}

TEST(Metrics, PutTooManyLabelsIntoOneCell) {
  Registry registry;
  auto& family = registry.counters("virga_invocations_total", "Invocations.", {"function"});
  for (std::size_t i = 0; i < kMaxCells; ++i) family.with({std::to_string(i)});
  EXPECT_EQ(family.with({"one too many"}), family.with({"and another"}));
  EXPECT_NE(family.with({"0"}), family.with({"and another"}));
  EXPECT_THAT(registry.expose(), HasSubstr("{function=\"other\"} 0\n"));
}

TEST(Metrics, EscapeHelpAndLabelValues) {
  Registry registry;
  registry.gauges("virga_odd", "A \\ and\na \"quote\".", {"name"}).with({"a\\b\"c\nd\xff"})->set(1);
  EXPECT_EQ(registry.expose(),
            "# HELP virga_odd A \\\\ and\\na \"quote\".\n"
            "# TYPE virga_odd gauge\n"
            "virga_odd{name=\"a\\\\b\\\"c\\nd?\"} 1\n");
}

TEST(Histogram, SortsDurationsAndShowsSeconds) {
  Registry registry;
  constexpr std::array kBounds{0.001, 0.5};
  auto& histogram = registry.histogram("virga_wait_seconds", "Time waited.", Unit::Seconds, kBounds);
  histogram.observe(std::chrono::milliseconds(1));  // bounds are inclusive
  histogram.observe(std::chrono::nanoseconds(1'000'001));
  histogram.observe(std::chrono::seconds(2));
  EXPECT_EQ(registry.expose(),
            "# HELP virga_wait_seconds Time waited.\n"
            "# TYPE virga_wait_seconds histogram\n"
            "virga_wait_seconds_bucket{le=\"0.001\"} 1\n"
            "virga_wait_seconds_bucket{le=\"0.5\"} 2\n"
            "virga_wait_seconds_bucket{le=\"+Inf\"} 3\n"
            "virga_wait_seconds_sum 2.002000001\n"
            "virga_wait_seconds_count 3\n");
}

TEST(Histogram, PutsItsBoundBehindTheLabels) {
  Registry registry;
  registry.histograms("virga_size_bytes", "Sizes.", {"kind"}, Unit::One, size_bounds())
      .with({"payload"})
      ->observe(300u);
  const auto exposition = registry.expose();
  EXPECT_THAT(exposition, HasSubstr("virga_size_bytes_bucket{kind=\"payload\",le=\"256\"} 0\n"));
  EXPECT_THAT(exposition, HasSubstr("virga_size_bytes_bucket{kind=\"payload\",le=\"1024\"} 1\n"));
  EXPECT_THAT(exposition, HasSubstr("virga_size_bytes_sum{kind=\"payload\"} 300\n"));
}

TEST(Metrics, CountEveryAdditionOfManyThreads) {
  Registry registry;
  auto& counter = registry.counter("virga_events_total", "Events taken.");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 10'000; ++n) counter.add();
      });
    }
  }
  EXPECT_EQ(counter.value(), 40'000u);
}

TEST(ProcessMetrics, DescribeThisProcess) {
  Registry registry;
  add_process_metrics(registry);
  const auto before = registry.expose();
  EXPECT_GT(value_of(before, "process_cpu_seconds_total"), 0);
  EXPECT_GT(value_of(before, "process_resident_memory_bytes"), 100'000);
  EXPECT_GE(value_of(before, "process_threads"), 1);
  EXPECT_GE(value_of(before, "process_max_fds"), value_of(before, "process_open_fds"));
  const double now = static_cast<double>(unix_milliseconds(system_clock().wall())) / 1000;
  EXPECT_LE(value_of(before, "process_start_time_seconds"), now + 0.1);
  EXPECT_GT(value_of(before, "process_start_time_seconds"), now - 3600);

  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/dev/null", "r"), &std::fclose);
  EXPECT_EQ(value_of(registry.expose(), "process_open_fds"), value_of(before, "process_open_fds") + 1);
}

TEST(Metrics, PassPrometheusOwnCheck) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  Registry registry;
  add_process_metrics(registry);
  registry.counters("virga_invocations_total", "Invocations.", {"function"}).with({"a \"b\"\n\\"})->add();
  registry.histogram("virga_wait_seconds", "Time waited.", Unit::Seconds, duration_bounds())
      .observe(std::chrono::milliseconds(3));
  const auto directory = os::TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  const std::string path = directory->path() + "/metrics";
  ASSERT_TRUE(os::write_file_durably(path, registry.expose()));
  EXPECT_EQ(std::system(("promtool check metrics < " + path).c_str()), 0);
}

}  // namespace
}  // namespace virga::metrics
