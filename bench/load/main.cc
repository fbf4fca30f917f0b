// virga-load: bench/load/README.md.

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <thread>

#include "bench/load/options.h"

namespace {

using namespace virga;
using namespace virga::load;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

int complain(const Error& error, int status) {
  fmt::print(stderr, "virga-load: {}\n", error.message());
  return status;
}

// Each connection is a descriptor; the usual limit is 1,024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int run_once(const Options& options) {
  auto results = run(options.work);
  if (!results) return complain(results.error(), kFailed);
  fmt::print("{}{}", options.json ? as_json(*results) : as_text(*results), options.json ? "\n" : "");
  return 0;
}

// The best run is printed as a run is; the runs behind it stand beside it (JSON) or go by as they end (text).
int run_search(const Options& options) {
  Search search(options.limits);
  Work work = options.work;
  Results best;
  std::string runs;
  while (auto rate = search.next()) {
    if (!runs.empty()) std::this_thread::sleep_for(options.rest);
    work.plan.rate = *rate;
    auto results = run(work);
    if (!results) return complain(results.error(), kFailed);
    bool held = options.conditions.hold(*results);
    search.record(*rate, held);
    if (held && search.best() == *rate) best = *results;
    runs += fmt::format("{}{{\"rate\":{:.1f},\"held\":{},\"results\":{}}}", runs.empty() ? "" : ",", *rate, held,
                        as_json(*results));
    if (options.json) continue;
    fmt::print("{:10.0f} a second: {:6} {:.4f} % succeeded, mean {:.2f} ms, p99 {:.2f} ms\n", *rate,
               held ? "holds" : "misses", results->success_ratio() * 100, results->latency.mean() / 1e6,
               static_cast<double>(results->latency.quantile(0.99)) / 1e6);
    std::fflush(stdout);
  }
  if (options.json) {
    fmt::print("{{\"best_rate\":{},\"best\":{},\"runs\":[{}]}}\n",
               search.best() ? fmt::format("{:.1f}", *search.best()) : "null", search.best() ? as_json(best) : "null",
               runs);
  } else if (search.best()) {
    fmt::print("\nhighest rate that holds: {:.0f} a second\n{}", *search.best(), as_text(best));
  } else {
    fmt::print("\nno rate that was tried holds\n");
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  auto options = parse_options(count, arguments);
  if (!options) return complain(options.error(), kWrongUse);
  if (!*options) return 0;
  raise_descriptor_limit();
  return (*options)->mode == Mode::Search ? run_search(**options) : run_once(**options);
}
