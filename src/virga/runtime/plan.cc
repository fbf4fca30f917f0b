#include "virga/runtime/plan.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "virga/runtime/prepared.h"
#include "virga/runtime/stem.h"

namespace virga::runtime {
namespace {

// Memory at which Lambda gives one full core.
constexpr double kBytesForOneCore = 1769.0 * 1024 * 1024;
// The size of /tmp that stems are made with; what a function has unless it asks for another.
constexpr std::uint64_t kStemTmp = 512u << 20;
// What the sandbox itself needs beside the function: its pid 1, the kernel's page tables, the pages of /dev/shm.
constexpr std::uint64_t kOverhead = 16u << 20;

// In a manifest's arguments. One that names the first is left out for a function that was not prepared.
constexpr std::string_view kPreparedPlace = "${prepared}";
constexpr std::string_view kMemoryPlace = "${memory_mb}";

std::uint64_t sandbox_memory(model::Bytes memory) {
  return memory.count + kOverhead;
}

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

// Of the variables that a process must have before its first instruction, those that every function has.
constexpr std::array kStartNames = {"PATH", "LANG", "TZ", "HOME", "VIRGA_FRAMES_FD"};
// And of these the ones that are as good when they come with BIND, if a function has its own.
constexpr std::array kLateNames = {"PATH", "HOME"};

// A runtime that speaks frames starts without knowing its function: it gets the rest with BIND. What a process must
// have before its first instruction is named by the runtime's manifest.
std::map<std::string, std::string> start_environment(const std::map<std::string, std::string>& all,
                                                     const model::Version& version, const Runtime& runtime,
                                                     bool with_libraries) {
  std::map<std::string, std::string> variables = runtime.environment;
  for (const char* name : kStartNames) {
    if (auto found = all.find(name); found != all.end()) variables.insert(*found);
  }
  for (const auto& name : runtime.start_variables) {
    // The linker looks through every folder of this list for every library: only where one can be found.
    bool is_useless = name == "LD_LIBRARY_PATH" && !version.config.environment.contains(name) && !with_libraries;
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

std::map<std::string, std::string> stem_environment(const Runtime& runtime) {
  model::Version nobodys;
  return start_environment(function_environment(nobodys, runtime, {}, ""), nobodys, runtime, false);
}

// Why a process that has booted without it cannot become this function's; "": it can.
std::string find_cold_reason(const std::map<std::string, std::string>& start, const model::Version& version,
                             const Runtime& runtime) {
  if (!runtime.has_stems) return "its runtime has no stems";
  // What a stem may do on its loopback is decided before it is bound.
  if (version.config.network == model::NetworkMode::None) return "it has no network";
  if (version.config.ephemeral_storage.count != kStemTmp) return "its /tmp is not 512 MB";
  auto stem = stem_environment(runtime);
  for (const auto& [name, value] : start) {
    auto same = stem.find(name);
    if (same != stem.end() && same->second == value) continue;
    if (std::ranges::find(kLateNames, name) != kLateNames.end()) continue;
    bool is_own = version.config.environment.contains(name);
    return is_own ? name + " is set" : "its package or a layer has a folder lib";
  }
  return "";
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
  plan.spec.limits.memory_bytes = sandbox_memory(config.memory);
  plan.spec.limits.cpus = static_cast<double>(config.memory.count) / kBytesForOneCore;
  plan.spec.limits.init_cpus = std::max(1.0, plan.spec.limits.cpus);
  plan.spec.limits.tmp_bytes = config.ephemeral_storage.count;
  plan.spec.network = network_of(config.network);
  if (runtime.contract == ContractKind::RuntimeApi) {
    plan.spec.runtime_api_listener = config.network != model::NetworkMode::None;
    bool in_package = ::access((folders.code + "/bootstrap").c_str(), X_OK) == 0;
    plan.spec.arguments = {in_package ? "/var/task/bootstrap" : "/opt/bootstrap"};
    plan.spec.environment = as_list(environment);
    plan.cold_reason = "its package brings the program";
  } else {
    plan.spec.runtime_directory = runtime.directory;
    auto prepared = prepared_folder(*version, runtime);
    bool is_prepared = !prepared.empty() && ::access((folders.code + prepared).c_str(), R_OK) == 0;
    plan.spec.arguments = arguments_of(runtime, config.memory, is_prepared ? prepared : "");
    plan.starts_prepared = is_prepared && std::ranges::any_of(runtime.arguments, [](const auto& argument) {
                             return argument.contains(kPreparedPlace);
                           });
    auto start = start_environment(environment, *version, runtime, has_libraries(folders));
    plan.spec.environment = as_list(start);
    plan.cold_reason = find_cold_reason(start, *version, runtime);
    // What a wrapper makes of the process is not known.
    plan.can_be_forked = runtime.has_templates && !config.environment.contains("AWS_LAMBDA_EXEC_WRAPPER");
  }
  // A program that speaks the Runtime API leaves it unread.
  plan.bind = bind_body(*version, runtime, environment, log_stream);
  plan.version = std::move(version);
  plan.runtime = &runtime;
  plan.init_timeout = init_timeout;
  return plan;
}

std::optional<StemKind> stem_kind(const Runtime& runtime, model::Bytes memory) {
  if (!runtime.has_stems || !runtime.missing.empty()) return std::nullopt;
  return StemKind{&runtime, runtime.boots_for_memory ? sandbox_memory(memory) : 0};
}

sandbox::Spec stem_spec(const StemKind& kind) {
  sandbox::Spec spec;
  spec.stage = sandbox::Stage::Stem;
  spec.runtime_directory = kind.runtime->directory;
  // Nothing is prepared for a function that is not known.
  model::Bytes memory{kind.memory_bytes == 0 ? 0 : kind.memory_bytes - kOverhead};
  spec.arguments = arguments_of(*kind.runtime, memory, "");
  spec.environment = as_list(stem_environment(*kind.runtime));
  if (kind.memory_bytes != 0) spec.limits.memory_bytes = kind.memory_bytes;
  spec.limits.tmp_bytes = kStemTmp;
  return spec;
}

}  // namespace virga::runtime
