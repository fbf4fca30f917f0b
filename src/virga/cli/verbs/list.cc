#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/cli/client_verb.h"
#include "virga/cli/table.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

class List final : public ClientVerb {
 protected:
  void declare_own(CLI::App&) override {}

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    VIRGA_CO_TRY_ASSIGN(auto functions, co_await all(client));
    for (auto& function : functions) {
      auto target = cli::function_target("2021-10-31", text_member(function, "FunctionName"), "/url");
      auto url = co_await client.call("GET", target);
      if (!url && url.error().code() != ErrorCode::NotFound) co_return fail(std::move(url).error());
      if (url && function.is_object()) function.get_object()["FunctionUrl"] = text_member(*url, "FunctionUrl");
    }
    if (wants_json()) {
      console.out.line(json::serialize(json::object{{"functions", std::move(functions)}}));
    } else {
      print(functions, console);
    }
    co_return ExitCode::Ok;
  }

 private:
  static io::Task<Result<json::array>> all(Client& client) {
    json::array functions;
    std::string marker;
    do {
      std::string target = "/2015-03-31/functions";
      if (!marker.empty()) target += "?Marker=" + percent_encode(marker);
      VIRGA_CO_TRY_ASSIGN(auto page, co_await client.call("GET", target));
      const auto* object = page.if_object();
      const auto* list = object == nullptr ? nullptr : object->if_contains("Functions");
      if (list != nullptr && list->is_array()) {
        for (const auto& one : list->get_array()) functions.push_back(one);
      }
      marker = text_member(page, "NextMarker");
    } while (!marker.empty());
    co_return std::move(functions);
  }

  // "2026-11-23T16:30:56.123+0000" as "2026-11-23 16:30:56" (UTC).
  static std::string format_time(std::string text) {
    if (text.size() > 19 && text[10] == 'T') text = text.substr(0, 10) + " " + text.substr(11, 8);
    return text;
  }

  static void print(const json::array& functions, Console& console) {
    if (functions.empty()) {
      console.out.line("no functions yet. Send one with: virga deploy DIR");
      return;
    }
    Table table({{"FUNCTION"},
                 {"RUNTIME"},
                 {"MEMORY", Align::Right},
                 {"TIMEOUT", Align::Right},
                 {"MODIFIED (UTC)"},
                 {"URL", Align::Left, Narrow::Keep}});
    for (const auto& function : functions) {
      auto url = text_member(function, "FunctionUrl");
      table.add({{text_member(function, "FunctionName"), Style::Bold},
                 {text_member(function, "Runtime")},
                 {fmt::format("{} MB", number_member(function, "MemorySize"))},
                 {fmt::format("{} s", number_member(function, "Timeout"))},
                 {format_time(text_member(function, "LastModified"))},
                 {url.empty() ? "-" : url, Style::Cyan}});
    }
    console.out.write(table.render(console.out));
  }
};

}  // namespace

const char kListExamples[] =
    "  virga list\n"
    "  virga list --json | jq -r '.functions[].FunctionName'\n";

std::unique_ptr<Verb> make_list() {
  return std::make_unique<List>();
}

}  // namespace virga::cli
