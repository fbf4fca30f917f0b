#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "virga/base/problems.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/deployment.h"
#include "virga/cli/manifest.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

class Deploy final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("path", path_, "a folder (with or without virga.json) or a .zip file")
        ->type_name("DIR|ZIP")
        ->required();
    app.add_option("--name", name_, "the function's name; of several in virga.json, the one to deploy")
        ->type_name("NAME");
    app.add_option("--runtime", runtime_, "such as nodejs20.x, python3.11, provided.al2023")->type_name("ID");
    app.add_option("--handler", handler_, "FILE.FUNCTION")->type_name("NAME");
    app.add_option("--memory", memory_, "limit of the whole sandbox")->type_name("MB")->check(CLI::Range(128, 10240));
    app.add_option("--timeout", timeout_, "how long a call may take")->type_name("SECONDS")->check(CLI::Range(1, 900));
    app.add_option("--env,-e", environment_, "a variable NAME=VALUE; may be given again")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_option("--url", url_, "none, iam (signed requests only) or public")
        ->type_name("WHO")
        ->check(CLI::IsMember({"none", "iam", "public"}));
    app.add_flag("--publish", publish_, "make a numbered version of it");
  }

  Result<> prepare(Console&) override {
    VIRGA_TRY_ASSIGN(functions_, find_functions());
    for (auto& function : functions_) VIRGA_TRY(apply_options(function));
    return {};
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    auto table = make_deployment_table();
    boost::json::array list;
    auto publish = publish_ ? Publish::Yes : Publish::No;
    for (const auto& function : functions_) {
      auto deployed = co_await deploy(client, function, publish);
      if (!deployed) co_return fail(deployed.error().with_context(function.name));
      add(table, *deployed);
      list.push_back(to_json(*deployed));
    }
    if (wants_json()) {
      console.out.line(boost::json::serialize(boost::json::object{{"functions", std::move(list)}}));
    } else {
      console.out.write(table.render(console.out));
    }
    co_return ExitCode::Ok;
  }

 private:
  Result<std::vector<FunctionManifest>> find_functions() const {
    std::error_code ignored;
    if (!std::filesystem::exists(path_, ignored)) {
      return fail(problem::kNoSuchPath, "there is no file or folder '" + path_ + "'");
    }
    bool is_folder = std::filesystem::is_directory(path_, ignored);
    if (!is_folder || !std::filesystem::exists(path_ + "/virga.json", ignored)) {
      VIRGA_TRY_ASSIGN(auto one, name_function(path_, name_));
      return std::vector{std::move(one)};
    }
    VIRGA_TRY_ASSIGN(auto manifest, read_manifest(path_));
    auto& functions = manifest.functions;
    if (!name_.empty()) std::erase_if(functions, [&](const auto& one) { return one.name != name_; });
    if (functions.empty()) {
      return fail(ErrorCode::InvalidArgument, fmt::format("{}/virga.json names no function '{}'", path_, name_));
    }
    bool changes = !runtime_.empty() || !handler_.empty() || memory_ || timeout_ || !environment_.empty();
    if (functions.size() > 1 && (changes || !url_.empty())) {
      return fail(ErrorCode::InvalidArgument,
                  fmt::format("{}/virga.json names {} functions: say with --name which one the settings are for", path_,
                              functions.size()));
    }
    return std::move(functions);
  }

  Result<> apply_options(FunctionManifest& function) const {
    if (!runtime_.empty()) function.runtime = runtime_;
    if (!handler_.empty()) function.handler = handler_;
    VIRGA_TRY(complete(function));
    if (memory_) function.memory = memory_;
    if (timeout_) function.timeout = timeout_;
    for (const auto& given : environment_) {
      auto equals = given.find('=');
      if (equals == std::string::npos || equals == 0) {
        return fail(ErrorCode::InvalidArgument, "--env '" + given + "' is not NAME=VALUE");
      }
      if (!function.environment) function.environment.emplace();
      (*function.environment)[given.substr(0, equals)] = given.substr(equals + 1);
    }
    if (url_.empty()) return {};
    function.remove_url = url_ == "none";
    if (url_ == "none") {
      function.url.reset();
    } else {
      if (!function.url) function.url.emplace();
      function.url->auth = url_ == "public" ? UrlAuth::None : UrlAuth::Iam;
    }
    return {};
  }

  std::string path_;
  std::string name_;
  std::string runtime_;
  std::string handler_;
  std::optional<std::int64_t> memory_;
  std::optional<std::int64_t> timeout_;
  std::vector<std::string> environment_;
  std::string url_;
  bool publish_ = false;
  std::vector<FunctionManifest> functions_;
};

}  // namespace

const char kDeployExamples[] =
    "  virga deploy ./my-function\n"
    "  virga deploy code.zip --name resize --runtime nodejs20.x --handler index.handler --memory 512\n"
    "  virga deploy . -e WIDTH=640 -e HEIGHT=480 --url public --publish\n";

std::unique_ptr<Verb> make_deploy() {
  return std::make_unique<Deploy>();
}

}  // namespace virga::cli
