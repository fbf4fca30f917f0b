#include "virga/telemetry/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "virga/os/file.h"

namespace virga::metrics {
namespace {

// Field `number` of /proc/self/stat, counted from 1 as proc(5) does; 0 if it cannot be read. Numbers begin behind the
// program's name (field 2), which may hold spaces and parentheses.
double stat_field(int number) {
  const auto content = os::read_file("/proc/self/stat");
  if (!content) return 0;
  std::string_view rest = *content;
  rest.remove_prefix(std::min(rest.size(), rest.rfind(") ") + 2));
  for (int i = 3; i < number; ++i) rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  double value = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

double ticks_to_seconds(double ticks) {
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), &::closedir);
  if (!directory) return 0;
  double count = -1;  // the descriptor that reads the folder
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count;
}

double max_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

// Start times in /proc count from the boot; both clocks are read once, so that the figure never moves.
double start_time() {
  timespec wall{};
  timespec boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const double booted =
      static_cast<double>(wall.tv_sec - boot.tv_sec) + static_cast<double>(wall.tv_nsec - boot.tv_nsec) / 1e9;
  return booted + ticks_to_seconds(stat_field(22));
}

}  // namespace

void add_process_metrics(Registry& registry) {
  registry.counter_from("process_cpu_seconds_total", "User and system CPU time spent, in seconds.", cpu_seconds);
  registry.gauge_from("process_resident_memory_bytes", "Memory held in RAM, in bytes.",
                      [] { return stat_field(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)); });
  registry.gauge_from("process_virtual_memory_bytes", "Address space in use, in bytes.", [] { return stat_field(23); });
  registry.gauge_from("process_open_fds", "Open file descriptors.", open_descriptors);
  registry.gauge_from("process_max_fds", "File descriptors the process may open.", max_descriptors);
  registry.gauge_from("process_threads", "Threads.", [] { return stat_field(20); });
  registry.gauge_from("process_start_time_seconds", "When the process started, in seconds since 1970.",
                      [started = start_time()] { return started; });
}

}  // namespace virga::metrics
