#include "virga/runtime/plan.h"

#include <unistd.h>

#include <algorithm>

#include "virga/runtime/prepared.h"

namespace virga::runtime {
namespace {

// Memory at which Lambda gives one full core.
constexpr double kBytesForOneCore = 1769.0 * 1024 * 1024;
// What the sandbox itself needs beside the function: its pid 1, the kernel's page tables, the pages of /dev/shm.
constexpr std::uint64_t kOverhead = 16u << 20;

// In a manifest's arguments. One that names the first is left out for a function that was not prepared.
constexpr std::string_view kPreparedPlace = "${prepared}";
constexpr std::string_view kMemoryPlace = "${memory_mb}";

sandbox::Network network_of(model::NetworkMode mode) {
  switch (mode) {
    case model::NetworkMode::None:
      return sandbox::Network::None;
    case model::NetworkMode::Loopback:
      return sandbox::Network::Loopback;
    case model::NetworkMode::Egress:
      return sandbox::Network::Egress;
  }
  return sandbox::Network::None;
}

bool has_libraries(const CodeFolders& folders) {
  auto has = [](const std::string& folder) { return ::access((folder + "/lib").c_str(), F_OK) == 0; };
  return has(folders.code) || std::any_of(folders.layers.begin(), folders.layers.end(), has);
}

// A runtime that speaks frames starts without knowing its function: it gets the rest with BIND. What a process must
// have before its first instruction is named by the runtime's manifest.
std::map<std::string, std::string> start_environment(const std::map<std::string, std::string>& all,
                                                     const model::Version& version, const Runtime& runtime,
                                                     const CodeFolders& folders) {
  std::map<std::string, std::string> variables = runtime.environment;
  for (const char* name : {"PATH", "LANG", "TZ", "HOME", "VIRGA_FRAMES_FD"}) {
    if (auto found = all.find(name); found != all.end()) variables.insert(*found);
  }
  for (const auto& name : runtime.start_variables) {
    // The linker looks through every folder of this list for every library: only where one can be found.
    bool is_useless =
        name == "LD_LIBRARY_PATH" && !version.config.environment.contains(name) && !has_libraries(folders);
    if (is_useless) continue;
    if (auto found = all.find(name); found != all.end()) variables.insert(*found);
  }
  return variables;
}

void replace(std::string& text, std::string_view place, const std::string& value) {
  for (auto at = text.find(place); at != std::string::npos; at = text.find(place, at + value.size())) {
    text.replace(at, place.size(), value);
  }
}

// `prepared`: the folder of derived files in the package, "" if there is none.
std::vector<std::string> arguments_of(const Runtime& runtime, model::Bytes memory, const std::string& prepared) {
  std::vector<std::string> arguments;
  for (auto argument : runtime.arguments) {
    if (prepared.empty() && argument.contains(kPreparedPlace)) continue;
    replace(argument, kPreparedPlace, "/var/task" + prepared);
    replace(argument, kMemoryPlace, std::to_string(memory.count >> 20));
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace

InstancePlan make_plan(std::shared_ptr<const model::Version> version, const Runtime& runtime, const Platform& platform,
                       const CodeFolders& folders, std::chrono::milliseconds init_timeout, const Clock& clock) {
  InstancePlan plan;
  const auto& config = version->config;
  auto log_stream = make_log_stream(*version, clock.wall());
  auto environment = function_environment(*version, runtime, platform, log_stream);

  plan.spec.code_directory = folders.code;
  plan.spec.layer_directories = folders.layers;
  plan.spec.limits.memory_bytes = config.memory.count + kOverhead;
  plan.spec.limits.cpus = static_cast<double>(config.memory.count) / kBytesForOneCore;
  plan.spec.limits.init_cpus = std::max(1.0, plan.spec.limits.cpus);
  // The pages of /tmp count as the function's memory, so it gets half of that at the most.
  plan.spec.limits.tmp_bytes = std::min(config.ephemeral_storage.count, config.memory.count / 2);
  plan.spec.network = network_of(config.network);
  if (runtime.contract == ContractKind::RuntimeApi) {
    plan.spec.runtime_api_listener = config.network != model::NetworkMode::None;
    bool in_package = ::access((folders.code + "/bootstrap").c_str(), X_OK) == 0;
    plan.spec.arguments = {in_package ? "/var/task/bootstrap" : "/opt/bootstrap"};
    plan.spec.environment = as_list(environment);
  } else {
    plan.spec.runtime_directory = runtime.directory;
    auto prepared = prepared_folder(*version, runtime);
    bool is_prepared = !prepared.empty() && ::access((folders.code + prepared).c_str(), R_OK) == 0;
    plan.spec.arguments = arguments_of(runtime, config.memory, is_prepared ? prepared : "");
    plan.spec.environment = as_list(start_environment(environment, *version, runtime, folders));
  }
  // A program that speaks the Runtime API leaves it unread.
  plan.bind = bind_body(*version, runtime, environment, log_stream);
  plan.version = std::move(version);
  plan.runtime = &runtime;
  plan.init_timeout = init_timeout;
  return plan;
}

}  // namespace virga::runtime
