#include "virga/sandbox/doctor.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <filesystem>

#include "virga/cli/deployment.h"
#include "virga/cli/options.h"
#include "virga/cli/verbs/all.h"
#include "virga/io/loop.h"
#include "virga/io/network.h"
#include "virga/runtime/runtimes.h"
#include "virga/server/paths.h"
#include "virga/server/service_user.h"

namespace virga::cli {

namespace {

using sandbox::Check;
using State = sandbox::Check::State;

constexpr std::uint64_t kLowDisk = 1ull << 30;  // bytes

void examine_runtimes(const std::string& given, std::vector<Check>& checks) {
  auto directory = server::find_runtimes(given);
  if (!directory) {
    checks.push_back(
        {"runtimes", State::Missing, directory.error().message(), "give their folder with --runtimes DIR"});
    return;
  }
  auto runtimes = runtime::Runtimes::load(*directory);
  if (!runtimes) {
    checks.push_back({"runtimes", State::Missing, runtimes.error().message(), "install Virga again"});
    return;
  }
  for (const auto& one : runtimes->all()) {
    Check check{"runtime " + one.name, State::Ok, "", ""};
    if (!one.missing.empty()) {
      check.state = State::Limited;
      check.detail = "functions for it cannot run here";
      check.fix = one.missing;
    } else if (one.interpreter.empty()) {
      check.detail = "the package brings its own program";
    } else {
      auto version = runtime::ask_version(one);
      check.detail = one.interpreter + (version ? " " + *version : ": " + version.error().message());
      if (!version) check.state = State::Limited;
    }
    checks.push_back(std::move(check));
  }
}

// The folder may not be there yet: what counts is the nearest one above it that is.
void examine_data(const std::string& data, std::vector<Check>& checks) {
  std::error_code error;
  auto path = std::filesystem::absolute(data, error);
  while (path.has_relative_path() && !std::filesystem::exists(path, error)) path = path.parent_path();
  struct statvfs disk{};
  Check check{"data folder", State::Ok, data, ""};
  if (::statvfs(path.c_str(), &disk) != 0) {
    check.state = State::Limited;
    check.detail += " cannot be looked at";
    check.fix = "give another one with --data DIR";
  } else {
    std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    check.detail += fmt::format(", {:.1f} GB free", static_cast<double>(free) / 1e9);
    if (::access(path.c_str(), W_OK) != 0) {
      check.state = State::Missing;
      check.detail += ", not writable for this user";
      check.fix = "give another one with --data DIR, or run as a user who may write " + path.string();
    } else if (free < kLowDisk) {
      check.state = State::Limited;
      check.fix = "free some space; deployments are refused when the disk is full";
    }
  }
  checks.push_back(std::move(check));
}

// Who would serve, and who would keep privilege.
void examine_user(const std::string& data, std::vector<Check>& checks) {
  Check check{"daemon", State::Ok, "", ""};
  auto user = server::choose_user("", "virga", data);
  if (!user) {
    check.state = State::Limited;
    check.detail = user.error().message();
  } else if (::geteuid() != 0) {
    check.detail = "virga serve, its helper and functions all run as " + user->name;
  } else if (user->user != 0) {
    check.detail = "virga serve becomes " + user->name + "; only virga-spawn, which makes sandboxes, stays root";
  } else {
    check.detail =
        "virga serve stays user 0 without a capability and writes its data folder only; virga-spawn stays root";
    check.fix = "better still, a user of its own: adduser --system --group virga, or --user NAME";
  }
  checks.push_back(std::move(check));
}

void examine_port(std::uint16_t port, std::vector<Check>& checks) {
  auto loop = io::Loop::create();
  if (!loop) return;
  auto listener = io::Listener::listen(**loop, "127.0.0.1", port);
  Check check{"port", State::Ok, fmt::format("{} is free", port), ""};
  if (!listener) {
    check.state = State::Limited;
    check.detail = listener.error().message();
    check.fix = "fine if that is Virga; else give another one with --port N";
  }
  checks.push_back(std::move(check));
}

std::string_view name_of(State state) {
  switch (state) {
    case State::Ok:
      return "ok";
    case State::Limited:
      return "limited";
    case State::Missing:
      return "missing";
  }
  return "";
}

Style style_of(State state) {
  return state == State::Ok ? Style::Green : state == State::Limited ? Style::Yellow : Style::Red;
}

class Doctor final : public Verb {
 public:
  void declare(CLI::App& app) override {
    add(app, shared_, {Shared::Port, Shared::Data, Shared::Runtimes, Shared::Json});
  }

  bool wants_json() const override { return shared_.json; }

  Result<ExitCode> run(Console& console) override {
    auto checks = sandbox::examine();
    examine_runtimes(shared_.runtimes, checks);
    auto data = shared_.data;
    if (data.empty()) {
      VIRGA_TRY_ASSIGN(data, default_data_directory());
    }
    examine_data(data, checks);
    examine_user(data, checks);
    examine_port(shared_.port, checks);
    bool missing = std::ranges::any_of(checks, [](const Check& check) { return check.state == State::Missing; });
    if (shared_.json) {
      print_json(checks, console.out);
    } else {
      print(checks, console.out);
    }
    return missing ? ExitCode::Failed : ExitCode::Ok;
  }

 private:
  static void print_json(const std::vector<Check>& checks, Terminal& out) {
    boost::json::array list;
    for (const auto& check : checks) {
      list.push_back(boost::json::object{
          {"name", check.name}, {"state", name_of(check.state)}, {"detail", check.detail}, {"fix", check.fix}});
    }
    out.line(boost::json::serialize(boost::json::object{{"version", VIRGA_VERSION}, {"checks", std::move(list)}}));
  }

  static void print(const std::vector<Check>& checks, Terminal& out) {
    std::size_t width = 0;
    for (const auto& check : checks) width = std::max(width, display_width(check.name));
    out.line(fmt::format("virga {}", VIRGA_VERSION));
    for (const auto& check : checks) {
      std::string mark = fmt::format("{:<8}", name_of(check.state));
      std::string space(width - display_width(check.name) + 2, ' ');
      out.line(out.style(style_of(check.state), mark) + check.name + space + clean_line(check.detail));
      if (!check.fix.empty()) out.line(std::string(8 + width + 2, ' ') + "→ " + clean_line(check.fix));
    }
    auto count = [&](State state) { return std::ranges::count(checks, state, &Check::state); };
    if (count(State::Missing) > 0) {
      out.line(out.style(Style::Red, "Virga cannot run functions here until what is missing is there."));
    } else if (count(State::Limited) > 0) {
      out.line("Virga runs here, with less where it says so.");
    } else {
      out.line("Virga has all it needs here.");
    }
  }

  SharedOptions shared_;
};

}  // namespace

const char kDoctorExamples[] =
    "  virga doctor\n"
    "  virga doctor --json\n"
    "\n"
    "Exits with 1 when something is missing without which no function runs.\n";

std::unique_ptr<Verb> make_doctor() {
  return std::make_unique<Doctor>();
}

}  // namespace virga::cli
