#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/json_text.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

// Shows an asynchronous call.
class Status final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("id", id_, "the call, as `virga invoke --async` or the field X-Virga-Invocation named it")
        ->type_name("ID")
        ->required();
    app.add_option("--wait,-w", wait_, "wait for its end, at most so many seconds")
        ->type_name("SECONDS")
        ->check(CLI::Range(0, 900));
    app.add_flag("--log", log_, "print what its attempts wrote, on standard error");
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    http::ClientRequest request;
    request.method = "GET";
    request.target = fmt::format("/_virga/v1/invocations/{}?wait={}", percent_encode(id_), wait_);
    auto deadline = io::Deadline::in(client.loop(), std::chrono::seconds(wait_ + 60));
    VIRGA_CO_TRY_ASSIGN(auto response, co_await client.send(std::move(request), deadline));
    boost::system::error_code error;
    auto call = json::parse(response.body, error);
    if (error) co_return fail(ErrorCode::Internal, "the server's answer is no JSON: " + error.message());
    if (wants_json()) {
      console.out.line(json::serialize(call));
    } else {
      print(call, console);
    }
    co_return text_member(call, "state") == "failed" ? ExitCode::Failed : ExitCode::Ok;
  }

 private:
  void print(const json::value& call, Console& console) const {
    auto& out = console.out;
    auto state = text_member(call, "state");
    auto style = state == "failed" ? Style::Red : state == "succeeded" ? Style::Green : Style::Plain;
    auto qualifier = text_member(call, "qualifier");
    auto name = text_member(call, "function") + (qualifier.empty() ? "" : ":" + qualifier);
    out.line(fmt::format("{}  {}  accepted {}", out.style(style, clean_line(state)), clean_line(name),
                         clean_line(text_member(call, "accepted"))));
    if (auto reason = text_member(call, "reason"); !reason.empty()) out.line("  " + clean_line(reason));
    if (auto due = text_member(call, "due"); !due.empty()) out.line("  next attempt " + clean_line(due));
    print_attempts(call, console);
    const auto* object = call.if_object();
    const auto* result = object == nullptr ? nullptr : object->if_contains("result");
    if (result != nullptr) out.line(out.is_terminal() ? to_pretty_text(*result, out) : json::serialize(*result));
    if (state == "failed") out.line(out.style(Style::Dim, "try it again with: virga redrive " + clean_line(id_)));
  }

  void print_attempts(const json::value& call, Console& console) const {
    const auto* object = call.if_object();
    const auto* attempts = object == nullptr ? nullptr : object->if_contains("attempts");
    if (attempts == nullptr || !attempts->is_array()) return;
    std::size_t number = 0;
    for (const auto& attempt : attempts->get_array()) {
      auto fault = text_member(attempt, "fault");
      std::string error;
      if (const auto* found = attempt.is_object() ? attempt.get_object().if_contains("error") : nullptr) {
        error = text_member(*found, "errorType") + ": " + text_member(*found, "errorMessage");
      }
      console.out.line(fmt::format("  attempt {}  {}  {} ms  version {}  {}", ++number,
                                   clean_line(text_member(attempt, "begin")), number_member(attempt, "duration_ms"),
                                   clean_line(text_member(attempt, "version")),
                                   fault.empty() ? "good" : clean_line(fault + "  " + error)));
      if (log_) console.err.write(console.err.style(Style::Dim, clean(text_member(attempt, "log"))));
    }
  }

  std::string id_;
  int wait_ = 0;
  bool log_ = false;
};

}  // namespace

const char kStatusExamples[] =
    "  virga status 019a1b2c-...\n"
    "  virga status 019a1b2c-... --wait 60 --log\n"
    "\n"
    "Exits with 1 when the call has failed for good. A call is known for a day after its success and for two weeks\n"
    "after its failure.\n";

std::unique_ptr<Verb> make_status() {
  return std::make_unique<Status>();
}

}  // namespace virga::cli
