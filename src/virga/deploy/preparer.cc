#include "virga/deploy/preparer.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "virga/deploy/job.h"
#include "virga/os/file.h"
#include "virga/runtime/environment.h"
#include "virga/runtime/prepared.h"
#include "virga/telemetry/log.h"

namespace virga::deploy {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kTimeLimit{20};
constexpr std::uint64_t kMemory = 512u << 20;
constexpr std::uint64_t kProcesses = 64;
// Code compiled is about as large as code; this is twice what a package may be.
constexpr std::uint64_t kLargestOutput = 512u << 20;
constexpr std::size_t kPageSize = 100;

// Regular files and folders, and not too much of them.
Result<> check_output(const std::string& path) {
  std::error_code error;
  std::uint64_t bytes = 0;
  for (fs::recursive_directory_iterator walk(path, error), end; !error && walk != end; walk.increment(error)) {
    auto status = walk->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status)) return fail(ErrorCode::InvalidArgument, "it made something that is no file");
    bytes += walk->file_size(error);
    if (error) break;
    if (bytes > kLargestOutput) return fail(ErrorCode::TooLarge, "it made more than 512 MiB");
  }
  if (error) return fail(ErrorCode::Internal, "read what it made: " + error.message());
  return {};
}

bool has_something_to_prepare(const std::string& tree, const runtime::Runtime& runtime) {
  if (runtime.prepared_suffixes.empty()) return true;
  std::error_code error;
  for (fs::recursive_directory_iterator walk(tree, error), end; !error && walk != end; walk.increment(error)) {
    std::error_code unreadable;
    if (!fs::is_regular_file(walk->symlink_status(unreadable))) continue;
    auto name = walk->path().filename().string();
    bool fits =
        std::ranges::any_of(runtime.prepared_suffixes, [&](const auto& suffix) { return name.ends_with(suffix); });
    if (fits && walk->file_size(unreadable) >= runtime.prepared_bytes) return true;
  }
  return false;
}

void remove_outdated(const catalog::Packages& packages, const runtime::Runtimes& runtimes) {
  auto ids = packages.list();
  if (!ids) return;
  for (const auto& id : *ids) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(packages.path(id) + std::string(runtime::kPreparedFolder), error)) {
      auto name = entry.path().filename().string();
      bool is_outdated = std::ranges::any_of(
          runtimes.all(), [&](const runtime::Runtime& runtime) { return runtime::is_outdated(name, runtime); });
      if (is_outdated) (void)os::remove_tree(entry.path().string());
    }
  }
}

}  // namespace

std::vector<Preparer::Step> Preparer::missing_steps(const model::Version& version,
                                                    const runtime::Runtime& runtime) const {
  const auto& packages = parts_.catalog.packages();
  auto place = runtime::prepared_folder(version, runtime);
  std::vector<Step> steps;
  auto add = [&](const model::PackageId& owner) -> sandbox::Spec* {
    if (!packages.is_unpacked(owner) || ::access((packages.path(owner) + place).c_str(), F_OK) == 0) return nullptr;
    auto variables = runtime.environment;
    variables["PATH"] = "/usr/local/bin:/usr/bin:/bin";
    variables["_HANDLER"] = version.config.handler;
    sandbox::Spec spec;
    spec.runtime_directory = runtime.directory;
    spec.arguments = runtime.prepare;
    spec.environment = runtime::as_list(variables);
    spec.working_directory = "/";
    spec.limits.memory_bytes = kMemory;
    spec.limits.processes = kProcesses;
    spec.network = sandbox::Network::None;
    steps.push_back({owner, place, runtime, std::move(spec)});
    return &steps.back().spec;
  };
  bool takes_all = runtime.prepared_scope == runtime::PreparedScope::Function;
  std::vector<std::string> layers;
  layers.reserve(version.layer_packages.size());
  for (const auto& layer : version.layer_packages) layers.push_back(packages.path(layer.id));
  if (auto* spec = add(version.package.id)) {
    spec->code_directory = packages.path(version.package.id);
    if (takes_all) spec->layer_directories = layers;
  }
  if (takes_all) return steps;
  for (const auto& layer : version.layer_packages) {
    if (auto* spec = add(layer.id)) spec->layer_directories = {packages.path(layer.id)};
  }
  return steps;
}

io::Task<void> Preparer::prepare(model::Version version) {
  const auto* runtime = parts_.runtimes.find(version.config.runtime);
  if (runtime == nullptr || !runtime->missing.empty() || runtime->prepare.empty()) co_return;
  for (auto& step : missing_steps(version, *runtime)) {
    if (stopping_) co_return;
    auto package = step.owner;
    if (auto done = co_await run(std::move(step)); !done && !stopping_) {
      log::warn("package not prepared, its functions start slower",
                {{"package", package}, {"runtime", runtime->name}, {"error", done.error()}});
    }
  }
}

io::Task<Result<>> Preparer::run(Step step) {
  auto& packages = parts_.catalog.packages();
  using StagingPointer = std::shared_ptr<catalog::Staging>;  // shared: std::function must be copyable
  std::function<Result<StagingPointer>()> stage = [&packages, &step]() -> Result<StagingPointer> {
    if (!has_something_to_prepare(packages.path(step.owner), step.runtime)) return StagingPointer();
    VIRGA_TRY_ASSIGN(auto staging, packages.stage(step.owner));
    return std::make_shared<catalog::Staging>(std::move(staging));
  };
  VIRGA_CO_TRY_ASSIGN(auto staging, co_await on_worker<StagingPointer>(std::move(stage)));
  if (staging == nullptr) co_return Result<>();
  step.spec.output_directory = staging->path();
  VIRGA_CO_TRY_ASSIGN(auto end, co_await run_job(parts_.loop, parts_.sandboxes, std::move(step.spec), -1, kTimeLimit));
  if (end.is_late) co_return fail(ErrorCode::DeadlineExceeded, "it took longer than 20 s");
  if (!end.succeeded()) {
    co_return fail(ErrorCode::Internal, "it ended with status " + std::to_string(end.ended.status) + ": " + end.said);
  }
  std::function<Result<>()> keep = [&packages, &step, staging]() -> Result<> {
    VIRGA_TRY(check_output(staging->path()));
    return packages.keep_derived(std::move(*staging), step.place);
  };
  auto kept = co_await on_worker<void>(std::move(keep));
  co_return kept;
}

io::Task<void> Preparer::refresh_all() {
  std::function<Result<>()> clean = [this]() -> Result<> {
    remove_outdated(parts_.catalog.packages(), parts_.runtimes);
    return {};
  };
  (void)co_await on_worker<void>(std::move(clean));
  std::string marker;
  do {
    auto page = parts_.catalog.functions(marker, kPageSize);
    for (const auto& function : page.items) {
      if (stopping_) co_return;
      co_await prepare(*function->latest);
      for (const auto& [number, version] : function->published) co_await prepare(*version);
    }
    marker = page.next_marker;
  } while (!marker.empty());
}

io::Task<void> Preparer::stop() {
  auto joined = co_await tasks_.join();
  (void)joined;
}

}  // namespace virga::deploy
