#include "bench/load/options.h"

#include <sched.h>

#include <CLI/CLI.hpp>

#include "virga/os/file.h"

namespace virga::load {
namespace {

constexpr double kMaxRate = 10e6;
constexpr double kMaxSeconds = 3600;
constexpr unsigned kMaxConnections = 50'000;

// As typed; turned into Options when all of it is there.
struct Typed {
  std::string url;
  std::string paths;
  std::string body_file;
  RequestOptions request;
  double rate = 0;
  double seconds = 10;
  double ramp = 0;
  double timeout = 10;
  double rest = 1;
  double tick_us = 250;
  std::uint64_t requests = 0;
};

std::chrono::nanoseconds to_duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

void add_common(CLI::App& app, Typed& typed, Options& options) {
  app.add_option("URL", typed.url, "a server on this machine: http://127.0.0.1:PORT/PATH")->required();
  app.add_option("--connections,-c", options.work.connections, "kept-alive connections")
      ->check(CLI::Range(1U, kMaxConnections))
      ->capture_default_str();
  app.add_option("--paths", typed.paths, "a file of paths, one a line, asked in turn instead of the URL's");
  app.add_option("--cores", options.work.cores,
                 "one thread pinned to each, as in 0,1; one thread on any core without it")
      ->delimiter(',')
      ->check(CLI::Range(0, CPU_SETSIZE - 1));
  app.add_option("--method", typed.request.method, "of the requests")->capture_default_str();
  app.add_option("--header,-H", typed.request.headers, "'Name: value', as often as needed");
  app.add_option("--body", typed.body_file, "a file that is sent with each request");
  app.add_option("--timeout", typed.timeout, "seconds from the intended moment until a request counts as lost")
      ->check(CLI::Range(0.001, kMaxSeconds))
      ->capture_default_str();
  app.add_option("--tick", typed.tick_us, "at high rates the generator wakes once in so many microseconds")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_flag("--json", options.json, "print JSON instead of text");
}

void add_timed(CLI::App& app, Typed& typed, Options& options) {
  app.add_option("--seconds,-d", typed.seconds, "length of a run, without its ramp")
      ->check(CLI::Range(0.001, kMaxSeconds))
      ->capture_default_str();
  app.add_option("--ramp", typed.ramp, "seconds before it in which the rate rises from 0; not counted")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->capture_default_str();
  app.add_option("--poisson", options.work.plan.seed, "arrivals at random, by this seed; evenly spaced without it");
}

CLI::App* add_run(CLI::App& app, Typed& typed, Options& options) {
  CLI::App* run = app.add_subcommand("run", "send at one rate");
  add_common(*run, typed, options);
  add_timed(*run, typed, options);
  auto* rate = run->add_option("--rate,-r", typed.rate, "requests a second")->check(CLI::Range(0.001, kMaxRate));
  auto* requests =
      run->add_option("--requests,-n", typed.requests, "so many in all, evenly in --seconds, instead of --rate")
          ->check(CLI::PositiveNumber);
  rate->excludes(requests);
  return run;
}

CLI::App* add_search(CLI::App& app, Typed& typed, Options& options) {
  CLI::App* search = app.add_subcommand("search", "find the highest rate that holds a success ratio and a mean");
  add_common(*search, typed, options);
  add_timed(*search, typed, options);
  search->add_option("--from", options.limits.lowest, "the rate to begin with")
      ->check(CLI::Range(1.0, kMaxRate))
      ->capture_default_str();
  search->add_option("--to", options.limits.highest, "the highest rate tried")
      ->check(CLI::Range(1.0, kMaxRate))
      ->capture_default_str();
  search->add_option("--precision", options.limits.precision, "ends when held and missed are so close (0.05: 5 %)")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  search->add_option("--runs", options.limits.runs, "at most")->check(CLI::Range(1U, 100U))->capture_default_str();
  search->add_option("--success", options.conditions.success_ratio, "a rate holds with at least this ratio")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  search->add_option("--mean", options.conditions.mean_ms, "and a mean below so many milliseconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  search->add_option("--rest", typed.rest, "seconds between runs")->check(CLI::Range(0.0, 60.0))->capture_default_str();
  return search;
}

Result<> fill_work(const Typed& typed, Options& options) {
  Work& work = options.work;
  VIRGA_TRY_ASSIGN(work.target, parse_url(typed.url));
  RequestOptions request = typed.request;
  if (!typed.body_file.empty()) {
    VIRGA_TRY_ASSIGN(request.body, os::read_file(typed.body_file));
  }
  std::vector<std::string> paths{work.target.path};
  if (!typed.paths.empty()) {
    VIRGA_TRY_ASSIGN(paths, read_paths(typed.paths));
  }
  for (const auto& path : paths) {
    VIRGA_TRY_ASSIGN(std::string bytes, make_request(work.target, path, request));
    work.requests.push_back(std::move(bytes));
  }
  work.timeout = to_duration(typed.timeout);
  work.tick = to_duration(typed.tick_us / 1e6);
  work.plan.length = to_duration(typed.seconds);
  work.plan.ramp = to_duration(typed.ramp);
  work.plan.rate = typed.requests > 0 ? static_cast<double>(typed.requests) / typed.seconds : typed.rate;
  options.rest = to_duration(typed.rest);
  return {};
}

}  // namespace

Result<std::optional<Options>> parse_options(int count, const char* const* arguments) {
  Options options;
  Typed typed;
  CLI::App app(
      "Open-loop HTTP load on this machine: requests leave on a fixed schedule, whatever the answers do, and their "
      "time\n"
      "counts from the moment they were meant to leave.",
      "virga-load");
  app.require_subcommand(1);
  CLI::App* run = add_run(app, typed, options);
  CLI::App* search = add_search(app, typed, options);
  CLI::App* burst = app.add_subcommand("burst", "send every path of a file at once, each on a connection of its own");
  add_common(*burst, typed, options);
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return std::optional<Options>();
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::InvalidArgument, error.what());
  }
  VIRGA_TRY(fill_work(typed, options));
  Plan& plan = options.work.plan;
  for (CLI::App* verb : {run, search}) {
    if (verb->count("--poisson") > 0) plan.arrivals = Arrivals::Poisson;
  }
  if (run->parsed() && plan.rate <= 0) {
    return fail(ErrorCode::InvalidArgument, "how fast? Give --rate (requests a second) or --requests (in all)");
  }
  if (search->parsed()) options.mode = Mode::Search;
  if (burst->parsed()) {
    options.mode = Mode::Burst;
    plan.at_once = options.work.requests.size();
    if (burst->count("--connections") == 0) {
      options.work.connections = static_cast<unsigned>(std::min<std::uint64_t>(plan.at_once, kMaxConnections));
    }
  }
  return options;
}

}  // namespace virga::load
