#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "virga/base/encoding.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

class Remove final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("name", name_, "the function")->type_name("NAME")->required();
    app.add_flag("--yes,-y", yes_, "do not ask");
  }

  Result<> prepare(Console& console) override {
    if (yes_) return {};
    if (!::isatty(STDIN_FILENO)) {
      return fail(ErrorCode::InvalidArgument,
                  "this deletes " + name_ + " with its versions, aliases and URL: say --yes");
    }
    console.err.write(fmt::format("delete {} with its versions, aliases and URL? [y/N] ", clean_line(name_)));
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return {};
    return fail(ErrorCode::Cancelled, "nothing was deleted");
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    VIRGA_CO_TRY(co_await client.call("DELETE", cli::function_target("2015-03-31", name_)));
    if (wants_json()) {
      console.out.line(boost::json::serialize(boost::json::object{{"deleted", name_}}));
    } else {
      console.out.line("deleted " + clean_line(name_));
    }
    co_return ExitCode::Ok;
  }

 private:
  std::string name_;
  bool yes_ = false;
};

}  // namespace

const char kRemoveExamples[] =
    "  virga rm hello\n"
    "  virga rm hello --yes\n";

std::unique_ptr<Verb> make_remove() {
  return std::make_unique<Remove>();
}

}  // namespace virga::cli
