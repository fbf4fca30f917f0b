#include "virga/cli/application.h"

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <numeric>
#include <vector>

#include "virga/cli/verbs.h"

namespace virga::cli {

namespace {

constexpr auto kFooter =
    "Examples:\n"
    "  virga dev examples/hello             a development server with one function\n"
    "  virga deploy ./my-function           send a folder to a server\n"
    "  virga invoke hello '{}'              call it\n"
    "\n"
    "Exit codes: 0 done; 1 it failed; 2 the command line or a file it names is wrong; 3 no Virga answers.\n"
    "Environment: VIRGA_ENDPOINT, VIRGA_ACCESS_KEY_ID, VIRGA_SECRET_ACCESS_KEY (else their AWS_ names), VIRGA_DATA, "
    "NO_COLOR.";

// Help as short as it can be read: the usage names the whole command, options say their value and default, not their
// type.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(26);
    label("Positionals", "Arguments");
  }

  std::string make_usage(const CLI::App* app, std::string) const override {
    if (app->get_parent() == nullptr) return "Usage: virga VERB [options]\n";
    std::string usage = "Usage: virga " + app->get_name() + " [options]";
    for (const auto* option : app->get_options()) {
      if (!option->get_positional()) continue;
      auto name = option->get_type_name();
      usage += option->get_required() ? " " + name : " [" + name + "]";
    }
    return usage + "\n";
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) return option->get_type_name();
    auto name = option->get_name(false, true);
    auto comma = name.find(',');
    return comma == std::string::npos ? name : name.substr(0, comma) + ", " + name.substr(comma + 1);
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0 || option->get_positional()) return "";
    auto text = " " + option->get_type_name().substr(0, option->get_type_name().find(':'));
    if (!option->get_default_str().empty()) text += " (" + option->get_default_str() + ")";
    return text;
  }
};

// Insertions, deletions and replacements between two words (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string unknown_verb(std::string_view word) {
  const VerbEntry* nearest = nullptr;
  for (const auto& entry : verbs()) {
    if (nearest == nullptr || distance(word, entry.name) < distance(word, nearest->name)) nearest = &entry;
  }
  std::string message = "there is no verb '" + clean_line(word) + "'";
  if (nearest != nullptr && distance(word, nearest->name) <= 2) {
    return message + ". Did you mean `virga " + nearest->name + "`?";
  }
  return message + ". `virga --help` lists them";
}

int report(Console& console, const std::string& program, const Error& error, bool json) {
  auto code = exit_code(error);
  if (json) {
    boost::json::object object = {{"error", {{"message", error.message()}, {"exit_code", static_cast<int>(code)}}}};
    console.err.line(boost::json::serialize(object));
  } else {
    console.err.line(console.err.style(Style::Red, program + ":") + " " + clean_line(error.message()));
  }
  return static_cast<int>(code);
}

int report_usage(Console& console, const std::string& program, const std::string& message) {
  console.err.line(console.err.style(Style::Red, program + ":") + " " + clean_line(message));
  console.err.line("`" + program + " --help` shows what it takes.");
  return static_cast<int>(ExitCode::Usage);
}

// CLI11 reports everything, --help included, by throwing; this is where that ends.
int parse_and_run(Console& console, int count, char** arguments) {
  CLI::App app("Virga runs functions: Lambda-compatible, on your own machine.", "virga");
  app.set_version_flag("--version", std::string("virga ") + VIRGA_VERSION, "print the version");
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpFormatter>());
  app.require_subcommand(0, 1);

  struct Offered {
    std::unique_ptr<Verb> verb;
    CLI::App* command;
  };
  std::vector<Offered> offered;
  for (const auto& entry : verbs()) {
    auto* command = app.add_subcommand(entry.name, entry.summary);
    command->group("Verbs");
    command->footer(std::string("Examples:\n") + entry.examples);
    offered.push_back({entry.make(), command});
    offered.back().verb->declare(*command);
  }

  std::string program = "virga";
  for (const auto& one : offered) {
    if (count > 1 && one.command->get_name() == arguments[1]) program += " " + one.command->get_name();
  }
  if (program == "virga" && count > 1 && arguments[1][0] != '-') {
    console.err.line(console.err.style(Style::Red, "virga:") + " " + unknown_verb(arguments[1]));
    return static_cast<int>(ExitCode::Usage);
  }
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp&) {
    auto chosen = app.get_subcommands();
    console.out.write(chosen.empty() ? app.help() : chosen.front()->help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    console.out.line(version.what());
    return 0;
  } catch (const CLI::ParseError& error) {
    return report_usage(console, program, error.what());
  }
  for (const auto& one : offered) {
    if (!one.command->parsed()) continue;
    auto code = one.verb->run(console);
    if (!code) return report(console, program, code.error(), one.verb->wants_json());
    return static_cast<int>(*code);
  }
  console.out.write(app.help());
  return static_cast<int>(ExitCode::Usage);
}

}  // namespace

int run(int count, char** arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  Console console{Terminal(STDOUT_FILENO), Terminal(STDERR_FILENO)};
  return parse_and_run(console, count, arguments);
}

}  // namespace virga::cli
