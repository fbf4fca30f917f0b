#include "virga/cli/options.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "virga/base/problems.h"

namespace virga::cli {

namespace {

struct Row {
  Shared which;
  const char* names;
  const char* description;
  const char* environment;  // read when the option is not given
  bool SharedOptions::* flag = nullptr;
  std::string SharedOptions::* text = nullptr;
  std::uint16_t SharedOptions::* number = nullptr;
  std::uint32_t SharedOptions::* count = nullptr;
  std::uint32_t most = 0;  // of `count`, which is 1 at least
  const char* value = "";
};

constexpr Row kRows[] = {
    {.which = Shared::Json,
     .names = "--json",
     .description = "print JSON for programs instead of text for people",
     .environment = "",
     .flag = &SharedOptions::json},
    {.which = Shared::Endpoint,
     .names = "--endpoint",
     .description = "where Virga answers; else $VIRGA_ENDPOINT, $AWS_ENDPOINT_URL, http://127.0.0.1:4600",
     .environment = "",
     .text = &SharedOptions::endpoint,
     .value = "URL"},
    {.which = Shared::Region,
     .names = "--region",
     .description = "the region's name in ARNs and signatures",
     .environment = "VIRGA_REGION",
     .text = &SharedOptions::region,
     .value = "NAME"},
    {.which = Shared::Data,
     .names = "--data",
     .description = "the data folder",
     .environment = "VIRGA_DATA",
     .text = &SharedOptions::data,
     .value = "DIR"},
    {.which = Shared::Runtimes,
     .names = "--runtimes",
     .description = "the folder of the runtimes; found beside the program unless given",
     .environment = "VIRGA_RUNTIMES",
     .text = &SharedOptions::runtimes,
     .value = "DIR"},
    {.which = Shared::Port,
     .names = "--port,-p",
     .description = "the port to listen on; 0 takes a free one",
     .environment = "VIRGA_PORT",
     .number = &SharedOptions::port,
     .value = "N"},
    {.which = Shared::LogLevel,
     .names = "--log-level",
     .description = "error, warn, info or debug",
     .environment = "VIRGA_LOG_LEVEL",
     .text = &SharedOptions::log_level,
     .value = "LEVEL"},
    {.which = Shared::Concurrency,
     .names = "--concurrency",
     .description = "calls that may run at once",
     .environment = "",
     .count = &SharedOptions::concurrency,
     .most = 1'000'000,
     .value = "N"},
    {.which = Shared::QueueWait,
     .names = "--queue-wait",
     .description = "how long a call may wait for an instance before it is refused",
     .environment = "",
     .count = &SharedOptions::queue_wait,
     .most = 900,
     .value = "SECONDS"},
};

bool is_writable_directory(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && ::access(path.c_str(), W_OK) == 0;
}

}  // namespace

void add(CLI::App& app, SharedOptions& options, std::initializer_list<Shared> which) {
  for (const auto& row : kRows) {
    if (std::ranges::find(which, row.which) == which.end()) continue;
    if (row.flag != nullptr) {
      app.add_flag(row.names, options.*row.flag, row.description);
      continue;
    }
    CLI::Option* option = nullptr;
    if (row.number != nullptr) option = app.add_option(row.names, options.*row.number, row.description);
    if (row.count != nullptr) {
      option = app.add_option(row.names, options.*row.count, row.description)->check(CLI::Range(1u, row.most));
    }
    if (row.text != nullptr) option = app.add_option(row.names, options.*row.text, row.description);
    option->type_name(row.value);
    bool has_default = row.text == nullptr || !(options.*row.text).empty();
    if (has_default) option->capture_default_str();
    if (*row.environment != '\0') option->envname(row.environment);
  }
}

std::string environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(value);
}

Result<std::string> default_data_directory() {
  auto given = environment("VIRGA_DATA");
  if (!given.empty()) return given;
  static constexpr auto kSystem = "/var/lib/virga";
  if (is_writable_directory(kSystem)) return std::string(kSystem);
  auto home = environment("HOME");
  if (home.empty()) {
    return fail(problem::kNoDataFolder, "there is no data folder: $HOME is not set. Give one with --data DIR");
  }
  return home + "/.virga";
}

}  // namespace virga::cli
