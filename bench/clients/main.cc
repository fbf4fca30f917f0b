// virga-clients: bench/clients/README.md.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "bench/clients/driver.h"
#include "bench/clients/queue_cycle.h"
#include "bench/clients/repeat.h"
#include "virga/os/file.h"

namespace {

using namespace virga;
using namespace virga::load;

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;

struct Typed {
  std::string url;
  std::string service;
  std::string method = "GET";
  std::string body_file;
  std::string paths;
  std::vector<std::string> headers;
  QueueCycle::Options queue;
  double seconds = 3;
  Drive drive;
};

int complain(const Error& error, int status) {
  fmt::print(stderr, "virga-clients: {}\n", error.message());
  return status;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void add_common(CLI::App& app, Typed& typed) {
  app.add_option("URL", typed.url, "a server on this machine: http://127.0.0.1:PORT/PATH")->required();
  app.add_option("--connections,-c", typed.drive.connections, "each sends its next request when it has its answer")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  app.add_option("--seconds,-d", typed.seconds, "how long")->check(CLI::Range(0.01, 3600.0))->capture_default_str();
  app.add_option("--requests,-n", typed.drive.requests, "so many in all, however long it takes, instead of --seconds");
  app.add_option("--sign", typed.service,
                 "sign for this service (lambda, sqs, s3) with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

Result<std::vector<Draft>> make_drafts(const Typed& typed, std::string_view body) {
  Draft draft;
  draft.method = typed.method;
  draft.body = body;
  for (const auto& header : typed.headers) {
    auto colon = header.find(": ");
    if (colon == std::string::npos) {
      return fail(ErrorCode::InvalidArgument, fmt::format("'{}' is no header: give 'name: value'", header));
    }
    draft.fields.emplace_back(header.substr(0, colon), header.substr(colon + 2));
  }
  std::vector<std::string> paths{typed.drive.target.path};
  if (!typed.paths.empty()) {
    VIRGA_TRY_ASSIGN(paths, read_paths(typed.paths));
  }
  std::vector<Draft> drafts;
  for (auto& path : paths) {
    draft.path = std::move(path);
    drafts.push_back(draft);
  }
  return drafts;
}

std::string as_json(const Driven& driven) {
  std::string statuses;
  for (std::size_t status = 0; status < driven.statuses.size(); ++status) {
    if (driven.statuses[status] == 0) continue;
    statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, driven.statuses[status]);
  }
  double seconds = std::chrono::duration<double>(driven.elapsed).count();
  auto ms = [](std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; };
  const auto& latency = driven.latency;
  return fmt::format(
      "{{\"requests\":{},\"failed\":{},\"broken\":{},\"done\":{},\"seconds\":{:.3f},\"rate\":{:.1f},\"statuses\":{{{}}}"
      ","
      "\"latency_ms\":{{\"p50\":{:.4f},\"p90\":{:.4f},\"p99\":{:.4f},\"max\":{:.4f},\"mean\":{:.4f}}},"
      "\"cpu_us_per_request\":{:.3f}}}",
      driven.requests, driven.failed, driven.broken, driven.done, seconds, static_cast<double>(driven.done) / seconds,
      statuses, ms(latency.quantile(0.5)), ms(latency.quantile(0.9)), ms(latency.quantile(0.99)), ms(latency.max()),
      latency.mean() / 1e6,
      driven.requests == 0 ? 0.0
                           : static_cast<double>(driven.cpu.count()) / 1e3 / static_cast<double>(driven.requests));
}

Result<Driven> run(Typed& typed, bool is_queue) {
  VIRGA_TRY_ASSIGN(typed.drive.target, parse_url(typed.url));
  typed.drive.length =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(typed.seconds));
  Signer signer(typed.drive.target, typed.service, variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
  if (is_queue) return drive(typed.drive, [&] { return std::make_unique<QueueCycle>(signer, typed.queue); });
  std::string body;
  if (!typed.body_file.empty()) {
    VIRGA_TRY_ASSIGN(body, os::read_file(typed.body_file));
  }
  VIRGA_TRY_ASSIGN(auto drafts, make_drafts(typed, body));
  Prepared prepared(signer, std::move(drafts));
  return drive(typed.drive, [&] { return std::make_unique<Repeat>(prepared); });
}

}  // namespace

int main(int count, char** arguments) {
  Typed typed;
  CLI::App app("HTTP clients on this machine, each of which waits for its answer before it asks again.",
               "virga-clients");
  app.require_subcommand(1);
  auto* repeat = app.add_subcommand("repeat", "the same request again and again, or those of a list in turn");
  add_common(*repeat, typed);
  repeat->add_option("--method", typed.method)->capture_default_str();
  repeat->add_option("--header,-H", typed.headers, "'name: value' in lower case, as often as needed");
  repeat->add_option("--body", typed.body_file, "a file that is sent with each request");
  repeat->add_option("--paths", typed.paths, "a file of paths, one a line, asked in turn instead of the URL's");
  repeat->add_option("--pipeline", typed.drive.pipeline, "requests of one connection that wait for their answers")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  auto* queue = app.add_subcommand("queue", "send, receive and delete messages (Amazon SQS, JSON protocol)");
  add_common(*queue, typed);
  queue->add_option("--queue", typed.queue.url, "the queue's URL")->required();
  queue->add_option("--batch", typed.queue.batch, "messages of a request")
      ->check(CLI::Range(1, 10))
      ->capture_default_str();
  queue->add_option("--bytes", typed.queue.bytes, "of a message")->check(CLI::Range(1, 20'000))->capture_default_str();
  try {
    app.parse(count, arguments);
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return 0;
  } catch (const CLI::ParseError& error) {
    return complain(Error(ErrorCode::InvalidArgument, error.what()), kWrongUse);
  }
  auto driven = run(typed, queue->parsed());
  if (!driven) return complain(driven.error(), kFailed);
  fmt::print("{}\n", as_json(*driven));
  return 0;
}
