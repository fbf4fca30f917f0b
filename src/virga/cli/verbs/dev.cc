#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "virga/cli/daemon.h"
#include "virga/cli/dev_session.h"
#include "virga/cli/manifest.h"
#include "virga/cli/options.h"
#include "virga/cli/verbs/all.h"
#include "virga/io/loop.h"
#include "virga/io/signals.h"
#include "virga/io/task_group.h"
#include "virga/server/server.h"
#include "virga/telemetry/log.h"

namespace virga::cli {

namespace {

io::Task<void> serve_until_signal(io::Loop& loop, io::Signals& signals, server::Server& server, DevSession& session) {
  session.start();
  (void)co_await signals.next();
  session.stop();
  co_await stop(loop, signals, server);
  co_await session.join();
}

class Dev final : public Verb {
 public:
  void declare(CLI::App& app) override {
    shared_.log_level = "warn";
    app.add_option("path", folder_, "the folder of the functions; this one unless given")->type_name("DIR");
    add(app, shared_, {Shared::Port});
    app.add_option("--data", data_, "the data folder")->type_name("DIR")->capture_default_str();
    add(app, shared_, {Shared::Runtimes, Shared::Concurrency, Shared::QueueWait, Shared::LogLevel, Shared::Json});
  }

  bool wants_json() const override { return shared_.json; }

  Result<ExitCode> run(Console& console) override {
    VIRGA_TRY_ASSIGN(auto level, log::parse_level(shared_.log_level));
    VIRGA_TRY_ASSIGN(auto functions, find_functions());
    auto sink = log::make_stream_sink(STDERR_FILENO, shared_.json ? log::Format::Json : log::Format::Auto);
    log::Destination destination(*sink, level);

    server::Options options;
    options.port = shared_.port;
    options.data_directory = std::filesystem::absolute(data_).lexically_normal();
    options.runtimes_directory = shared_.runtimes;
    options.key_id = "virga";
    options.secret_key = "virga";
    options.public_functions = true;
    options.concurrency = shared_.concurrency;
    options.queue_wait = std::chrono::seconds(shared_.queue_wait);
    // virga.json and the code are read whenever they change, which this very process does. What replaces a file is
    // another one, so it is the folders that may be read.
    options.readable_paths.push_back(folder());
    for (const auto& function : functions) {
      auto code = std::filesystem::absolute(function.code);
      options.readable_paths.push_back(std::filesystem::is_directory(code) ? code : code.parent_path());
    }
    auto data = options.data_directory;
    VIRGA_TRY_ASSIGN(auto loop, io::Loop::create());
    VIRGA_TRY_ASSIGN(auto signals, io::Signals::create(*loop, {SIGINT, SIGTERM}));
    VIRGA_TRY_ASSIGN(auto server, start(*loop, std::move(options)));
    auto output = shared_.json ? Output::Json : Output::Text;
    auto read = [this] { return find_functions(); };
    DevSession session({*loop, *server, console, output, data, folder(), read, std::move(functions)});
    io::run_until_done(*loop, serve_until_signal(*loop, signals, *server, session));
    console.out.line(shared_.json ? R"({"event":"stopped"})" : "\nstopped: no process of Virga is left");
    return ExitCode::Ok;
  }

 private:
  std::string folder() const { return folder_.empty() ? "." : folder_; }

  // A folder that was named must hold functions; the working directory may.
  Result<std::vector<FunctionManifest>> find_functions() const {
    auto manifest = read_manifest(folder());
    if (!manifest) {
      bool has_file = std::filesystem::exists("virga.json");
      if (folder_.empty() && !has_file) return std::vector<FunctionManifest>();
      return fail(std::move(manifest).error());
    }
    if (manifest->is_detected) {
      for (auto& function : manifest->functions) function.url = UrlManifest{UrlAuth::None, UrlMode::Buffered};
    }
    return std::move(manifest->functions);
  }

  SharedOptions shared_;
  std::string folder_;
  std::string data_ = ".virga";
};

}  // namespace

const char kDevExamples[] =
    "  virga dev\n"
    "  virga dev examples/hello --port 5000\n"
    "\n"
    "Deploys a function again when its files change. Listens on 127.0.0.1 only. Key id and secret are both `virga`. "
    "Ctrl-C stops all of it; a second one at once.\n";

std::unique_ptr<Verb> make_dev() {
  return std::make_unique<Dev>();
}

}  // namespace virga::cli
