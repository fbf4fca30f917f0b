#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "virga/cli/options.h"
#include "virga/cli/shutdown.h"
#include "virga/cli/verbs/all.h"
#include "virga/io/loop.h"
#include "virga/io/signals.h"
#include "virga/io/task_group.h"
#include "virga/server/server.h"
#include "virga/telemetry/log.h"

namespace virga::cli {

namespace {

io::Task<void> serve_until_signal(io::Loop& loop, io::Signals& signals, server::Server& server) {
  (void)co_await signals.next();
  co_await stop(loop, signals, server);
}

class Dev final : public Verb {
 public:
  void declare(CLI::App& app) override {
    shared_.log_level = "warn";
    add(app, shared_, {Shared::Port, Shared::Data, Shared::Runtimes, Shared::LogLevel, Shared::Json});
  }

  bool wants_json() const override { return shared_.json; }

  Result<ExitCode> run(Console& console) override {
    VIRGA_TRY_ASSIGN(auto level, log::parse_level(shared_.log_level));
    auto sink = log::make_stream_sink(STDERR_FILENO, log::Format::Auto);
    log::Destination destination(*sink, level);
    server::Options options;
    options.port = shared_.port;
    options.data_directory = shared_.data.empty() ? ".virga" : shared_.data;
    options.runtimes_directory = shared_.runtimes;
    options.key_id = "virga";
    options.secret_key = "virga";
    options.public_functions = true;
    VIRGA_TRY_ASSIGN(auto loop, io::Loop::create());
    VIRGA_TRY_ASSIGN(auto signals, io::Signals::create(*loop, {SIGINT, SIGTERM}));
    VIRGA_TRY_ASSIGN(auto server, server::Server::create(*loop, std::move(options)));
    console.out.line(fmt::format("virga {} answers at {}", VIRGA_VERSION, server->url()));
    io::run_until_done(*loop, serve_until_signal(*loop, signals, *server));
    return ExitCode::Ok;
  }

 private:
  SharedOptions shared_;
};

}  // namespace

const char kDevExamples[] =
    "  virga dev\n"
    "  virga dev examples/hello --port 5000\n";

std::unique_ptr<Verb> make_dev() {
  return std::make_unique<Dev>();
}

}  // namespace virga::cli
