#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

constexpr std::size_t kPage = 1000;

// Tries failed asynchronous calls again.
class Redrive final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    auto* ids = app.add_option("id", ids_, "failed asynchronous calls")->type_name("ID");
    auto* function = app.add_option("--function", function_, "all failed calls of a function")->type_name("NAME");
    ids->excludes(function);
  }

  Result<> prepare(Console&) override {
    if (!ids_.empty() || !function_.empty()) return {};
    return fail(ErrorCode::InvalidArgument, "say which: the ID of a call, or --function NAME");
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    std::size_t count = 0;
    for (const auto& id : ids_) VIRGA_CO_TRY(co_await redrive(client, id, count));
    if (!function_.empty()) VIRGA_CO_TRY(co_await redrive_all(client, count));
    if (wants_json()) {
      console.out.line(boost::json::serialize(boost::json::object{{"redriven", count}}));
    } else {
      console.out.line(count == 1 ? "1 call is tried again" : fmt::format("{} calls are tried again", count));
    }
    co_return ExitCode::Ok;
  }

 private:
  io::Task<Result<>> redrive(Client& client, std::string id, std::size_t& count) {
    auto target = fmt::format("/_virga/v1/invocations/{}/redrive", percent_encode(id));
    VIRGA_CO_TRY(co_await client.call("POST", std::move(target)));
    ++count;
    co_return Result<>();
  }

  // Page by page. What fails again meanwhile lies before the page's end and is left alone.
  io::Task<Result<>> redrive_all(Client& client, std::size_t& count) {
    std::string after;
    while (true) {
      auto target = fmt::format("/_virga/v1/functions/{}/invocations?state=failed&limit={}&after={}",
                                percent_encode(function_), kPage, after);
      VIRGA_CO_TRY_ASSIGN(auto answer, co_await client.call("GET", std::move(target)));
      const auto* object = answer.if_object();
      const auto* list = object == nullptr ? nullptr : object->if_contains("invocations");
      if (list == nullptr || !list->is_array()) co_return Result<>();
      for (const auto& id : list->get_array()) {
        if (!id.is_string()) continue;
        after = std::string(id.get_string());
        VIRGA_CO_TRY(co_await redrive(client, after, count));
      }
      if (list->get_array().size() < kPage) co_return Result<>();
    }
  }

  std::vector<std::string> ids_;
  std::string function_;
};

}  // namespace

const char kRedriveExamples[] =
    "  virga redrive 019a1b2c-...\n"
    "  virga redrive --function hello\n"
    "\n"
    "Each call has all its retries again. `virga status ID` says what came of it.\n";

std::unique_ptr<Verb> make_redrive() {
  return std::make_unique<Redrive>();
}

}  // namespace virga::cli
