#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/cli/client_verb.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

class Rollback final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("name", name_, "the function")->type_name("NAME")->required();
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    auto target = cli::function_target("2015-03-31", name_, "/rollback");
    VIRGA_CO_TRY_ASSIGN(auto answer, co_await client.call("POST", std::move(target)));
    if (wants_json()) {
      console.out.line(boost::json::serialize(answer));
    } else {
      console.out.line(fmt::format("rolled back {} from {} to {}; the same again goes forward", clean_line(name_),
                                   state_of(answer, "From"), state_of(answer, "To")));
    }
    co_return ExitCode::Ok;
  }

 private:
  // "code 47DEQpj8 of 2026-11-23 16:30:56 (UTC)": the beginning of its SHA-256 in Base64, and when it was deployed.
  static std::string state_of(const boost::json::value& answer, std::string_view side) {
    const auto* object = answer.if_object();
    const auto* state =
        object == nullptr ? nullptr : object->if_contains(boost::json::string_view(side.data(), side.size()));
    if (state == nullptr) return "?";
    auto time = text_member(*state, "LastModified");
    if (time.size() > 19 && time[10] == 'T') time = time.substr(0, 10) + " " + time.substr(11, 8);
    return fmt::format("code {} of {} (UTC)", clean_line(text_member(*state, "CodeSha256").substr(0, 8)),
                       clean_line(time));
  }

  std::string name_;
};

}  // namespace

const char kRollbackExamples[] = "  virga rollback hello\n";

std::unique_ptr<Verb> make_rollback() {
  return std::make_unique<Rollback>();
}

}  // namespace virga::cli
