#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <iostream>
#include <iterator>

#include "virga/base/encoding.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/deployment.h"
#include "virga/cli/json_text.h"
#include "virga/cli/phases.h"
#include "virga/cli/verbs/all.h"
#include "virga/os/file.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

// The longest timeout of a function, and what a start may take.
constexpr std::chrono::seconds kInvokeTime{900 + 60};

class Invoke final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("name", name_, "the function; NAME:QUALIFIER and ARNs work too")->type_name("NAME")->required();
    auto* event = app.add_option("event", payload_, "the event, as JSON; {} unless given")->type_name("EVENT");
    auto* payload = app.add_option("--payload", payload_, "the event, as for other Lambda clients")->type_name("JSON");
    auto* file =
        app.add_option("--file,-f", file_, "read the event from a file; - is the standard input")->type_name("FILE");
    payload->excludes(file)->excludes(event);
    event->excludes(file);
    auto* is_async = app.add_flag("--async", async_, "do not wait for the answer");
    app.add_option("--qualifier", qualifier_, "a version or an alias")->type_name("Q");
    auto* log = app.add_flag("--log", log_, "print what the call wrote, on standard error");
    auto* explain = app.add_flag("--explain", explain_, "print where the time went, on standard error");
    is_async->excludes(log)->excludes(explain);
    app.add_option("--idempotency-key", idempotency_key_,
                   "a call with this key that was made before is answered with what came of it")
        ->type_name("KEY");
  }

  Result<> prepare(Console&) override {
    if (file_ == "-") {
      payload_.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else if (!file_.empty()) {
      auto text = os::read_file(file_);
      if (!text) return fail(ErrorCode::InvalidArgument, text.error().message());
      payload_ = std::move(*text);
    }
    if (payload_.empty()) payload_ = "{}";
    boost::system::error_code error;
    json::parse(payload_, error);
    if (error) return fail(ErrorCode::InvalidArgument, "the payload is no JSON: " + error.message());
    return {};
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    http::ClientRequest request;
    request.method = "POST";
    request.target = function_target("2015-03-31", name_, "/invocations");
    if (!qualifier_.empty()) request.target += "?Qualifier=" + percent_encode(qualifier_);
    request.fields = {{"Content-Type", "application/json"},
                      {"X-Amz-Invocation-Type", async_ ? "Event" : "RequestResponse"}};
    if (!idempotency_key_.empty()) request.fields.emplace_back("Idempotency-Key", idempotency_key_);
    if (log_) request.fields.emplace_back("X-Amz-Log-Type", "Tail");
    request.body = std::move(payload_);
    auto started = client.loop().clock().steady();
    auto deadline = io::Deadline::in(client.loop(), kInvokeTime);
    VIRGA_CO_TRY_ASSIGN(auto response, co_await client.send(std::move(request), deadline));
    std::chrono::duration<double, std::milli> total = client.loop().clock().steady() - started;
    if (wants_json()) {
      console.out.line(json::serialize(to_json(response, total.count())));
    } else {
      print(response, total.count(), console);
    }
    co_return response.field("x-amz-function-error").empty() ? ExitCode::Ok : ExitCode::Failed;
  }

 private:
  static std::string log_of(const http::ClientResponse& response) {
    return from_base64(response.field("x-amz-log-result")).value_or("");
  }

  json::object to_json(const http::ClientResponse& response, double total) const {
    json::object object = {{"status", response.status}, {"ms", total}};
    object["request_id"] = response.field("x-amzn-requestid");
    if (auto id = response.field("x-virga-invocation"); !id.empty()) object["invocation"] = id;
    auto version = response.field("x-amz-executed-version");
    if (!version.empty()) object["version"] = version;
    auto error = response.field("x-amz-function-error");
    if (!error.empty()) object["function_error"] = error;
    boost::system::error_code no_json;
    auto parsed = json::parse(response.body, no_json);
    object["payload"] = no_json ? json::value(json::string(clean(response.body))) : std::move(parsed);
    if (log_) object["log"] = clean(log_of(response));
    if (auto phases = parse_phases(response.field("x-virga-phases")); phases && !phases->empty()) {
      json::object times;
      for (const auto& phase : *phases) times[phase.name] = phase.milliseconds;
      object["phases_ms"] = std::move(times);
    }
    if (auto start = response.field("x-virga-start"); !start.empty()) object["start"] = clean(start);
    return object;
  }

  void print(const http::ClientResponse& response, double total, Console& console) const {
    auto log = log_of(response);
    if (log_ && !log.empty()) {
      auto text = clean(log);
      if (!text.ends_with('\n')) text += '\n';
      console.err.write(console.err.style(Style::Dim, text));
    }
    if (async_) {
      auto id = clean_line(response.field("x-virga-invocation"));
      console.out.line("accepted as " + id);
      if (console.out.is_terminal()) console.err.line("see it with: virga status " + id + " --wait 60");
      return;
    }
    auto error = response.field("x-amz-function-error");
    if (!error.empty()) {
      print_error(response, console);
    } else {
      print_payload(response.body, console.out);
    }
    if (!explain_) return;
    auto phases = parse_phases(response.field("x-virga-phases"));
    if (!phases || phases->empty()) {
      console.err.line(fmt::format("{}; this server tells no phases", format_milliseconds(total)));
      return;
    }
    console.err.write(render_phases(*phases, total, console.err));
    if (auto start = response.field("x-virga-start"); !start.empty()) {
      console.err.line(fmt::format("  started {}", clean_line(start)));
    }
  }

  // To a program the payload goes as it is; to a person, laid out and harmless.
  static void print_payload(const std::string& payload, Terminal& terminal) {
    if (!terminal.is_terminal()) {
      terminal.write(payload);
      if (!payload.ends_with('\n')) terminal.write("\n");
      return;
    }
    boost::system::error_code no_json;
    auto parsed = json::parse(payload, no_json);
    terminal.line(no_json ? clean(payload) : to_pretty_text(parsed, terminal));
  }

  void print_error(const http::ClientResponse& response, Console& console) const {
    boost::system::error_code no_json;
    auto parsed = json::parse(response.body, no_json);
    auto type = text_member(parsed, "errorType");
    auto message = text_member(parsed, "errorMessage");
    if (type.empty() && message.empty()) message = response.body;
    auto& err = console.err;
    auto kind = type.empty() ? std::string(response.field("x-amz-function-error")) : type;
    err.line(err.style(Style::Red, clean_line(fmt::format("{} failed: {}: ", name_, kind))) + clean(message));
    if (const auto* object = parsed.if_object()) print_trace(*object, err);
    if (!console.out.is_terminal()) print_payload(response.body, console.out);
  }

  // The frames of a Node error ("trace") or a Python one ("stackTrace").
  static void print_trace(const json::object& error, Terminal& terminal) {
    for (const auto* name : {"trace", "stackTrace"}) {
      const auto* member = error.if_contains(name);
      const auto* lines = member == nullptr ? nullptr : member->if_array();
      if (lines == nullptr) continue;
      for (const auto& line : *lines) {
        if (!line.is_string()) continue;
        auto text = clean(line.get_string());
        while (text.ends_with('\n')) text.pop_back();
        terminal.line(terminal.style(Style::Dim, "  " + text));
      }
    }
  }

  std::string name_;
  std::string payload_;
  std::string file_;
  std::string qualifier_;
  std::string idempotency_key_;
  bool async_ = false;
  bool log_ = false;
  bool explain_ = false;
};

}  // namespace

const char kInvokeExamples[] =
    "  virga invoke hello '{\"name\": \"Ada\"}'\n"
    "  virga invoke hello --file event.json --log --explain\n"
    "  virga invoke hello '{}' --async\n"
    "  echo '{}' | virga invoke hello --file - | jq .message\n"
    "\n"
    "Exits with 1 when the function failed; its error then stands on standard error.\n";

std::unique_ptr<Verb> make_invoke() {
  return std::make_unique<Invoke>();
}

}  // namespace virga::cli
