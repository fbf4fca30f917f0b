// What `virga dev` does when files change.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "virga/cli/dev_session.h"

namespace virga::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Editors write a file in several steps, and tools write many files: longer than the pauses between those.
constexpr std::chrono::milliseconds kQuiet{100};

bool lies_in(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

Result<> DevSession::watch_folders() {
  std::error_code error;
  if (!watch_) {
    FolderWatch::Skip skip = [data = fs::weakly_canonical(parts_.data, error)](std::string_view path) {
      std::error_code ignored;
      return is_left_out(path) || fs::weakly_canonical(path, ignored) == data;
    };
    VIRGA_TRY_ASSIGN(watch_, FolderWatch::create(parts_.loop, std::move(skip)));
  }
  // The folder by itself for virga.json: what lies below it may be anything, unless a function's code does.
  VIRGA_TRY(watch_->add(parts_.folder, FolderWatch::Depth::Folder));
  for (const auto& function : functions_) {
    const auto& code = function.manifest.code;
    if (function.is_removed) continue;
    if (fs::is_directory(code, error)) {
      VIRGA_TRY(watch_->add(code, FolderWatch::Depth::Tree));
    } else {
      VIRGA_TRY(watch_->add(fs::path(code).parent_path().string(), FolderWatch::Depth::Folder));
    }
  }
  return {};
}

io::Task<void> DevSession::follow_changes() {
  while (!stopping_) {
    auto changed = co_await watch_->changes(kQuiet);
    if (stopping_) co_return;
    if (!changed) {
      report_failure(parts_.folder, changed.error());
      co_return;
    }
    co_await apply(std::move(*changed));
  }
}

bool DevSession::concerns(const std::set<std::string>& changed, const FunctionManifest& manifest) const {
  // In the folder itself it may have been virga.json; deploy() finds out what is as it was.
  if (changed.contains(parts_.folder) || changed.contains(fs::path(manifest.code).parent_path().string())) return true;
  return std::ranges::any_of(changed, [&](const auto& path) { return lies_in(path, manifest.code); });
}

io::Task<void> DevSession::apply(std::set<std::string> changed) {
  auto manifests = parts_.read();
  if (!manifests) {
    report_failure(parts_.folder, manifests.error());
    co_return;
  }
  for (auto& manifest : *manifests) {
    auto same_name = [&](const Function& function) { return function.manifest.name == manifest.name; };
    auto found = std::ranges::find_if(functions_, same_name);
    bool is_known = found != functions_.end() && found->deployed && found->failure.empty() && !found->is_removed;
    if (is_known && !concerns(changed, manifest)) continue;
    auto index = static_cast<std::size_t>(found - functions_.begin());
    if (found == functions_.end()) functions_.push_back({.manifest = manifest});
    functions_[index].manifest = manifest;
    functions_[index].is_removed = false;
    co_await redeploy(index);
    if (stopping_) co_return;
  }
  for (auto& function : functions_) {
    auto same_name = [&](const FunctionManifest& manifest) { return manifest.name == function.manifest.name; };
    if (function.is_removed || std::ranges::any_of(*manifests, same_name)) continue;
    function.is_removed = true;
    if (function.deployed) report_removed(function);
  }
  if (auto watched = watch_folders(); !watched) report_failure(parts_.folder, watched.error());
}

io::Task<void> DevSession::redeploy(std::size_t index) {
  auto& function = functions_[index];
  bool had_failed = !function.deployed || !function.failure.empty();
  function.failure.clear();
  auto deployed = co_await deploy(client_, function.manifest, Publish::No);
  if (stopping_) co_return;
  if (!deployed) {
    function.failure = deployed.error().message();
    report_failure(function.manifest.name, deployed.error());
    co_return;
  }
  function.deployed = std::move(*deployed);
  if (function.deployed->change != Change::Unchanged || had_failed) report(function);
  add_reader(index);
}

void DevSession::report(const Function& function) {
  const auto& deployed = *function.deployed;
  auto& out = parts_.console.out;
  if (parts_.output == Output::Json) {
    auto object = to_json(deployed);
    object["event"] = "deployed";
    out.line(json::serialize(object));
    return;
  }
  const auto* what = deployed.change == Change::Created     ? "deployed"
                     : deployed.change == Change::Unchanged ? "is as it was deployed, seen"
                                                            : "redeployed";
  auto url = deployed.change == Change::Created && !deployed.url.empty() ? ": " + deployed.url : std::string();
  out.line(fmt::format("{} {} in {} ms{}", out.style(Style::Bold, deployed.name), out.style(Style::Green, what),
                       deployed.time.count(), url));
}

void DevSession::report_failure(const std::string& subject, const Error& error) {
  auto& out = parts_.console.out;
  if (parts_.output == Output::Json) {
    out.line(json::serialize(
        json::object{{"event", "deploy_failed"}, {"name", subject}, {"error", clean_line(error.message())}}));
    return;
  }
  out.line(fmt::format("{} {}: {}; what was deployed goes on answering", out.style(Style::Bold, clean_line(subject)),
                       out.style(Style::Red, "not deployed"), clean_line(error.message())));
}

void DevSession::report_removed(const Function& function) {
  auto& out = parts_.console.out;
  const auto& name = function.manifest.name;
  if (parts_.output == Output::Json) {
    out.line(json::serialize(json::object{{"event", "removed"}, {"name", name}}));
    return;
  }
  out.line(fmt::format("{} {} from {} and goes on answering; to delete it: virga rm {} --endpoint {}",
                       out.style(Style::Bold, name), out.style(Style::Yellow, "is gone"), clean_line(parts_.folder),
                       name, parts_.server.url()));
}

}  // namespace virga::cli
