#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "virga/cli/daemon.h"
#include "virga/cli/options.h"
#include "virga/cli/verbs/all.h"
#include "virga/io/loop.h"
#include "virga/io/signals.h"
#include "virga/io/task_group.h"
#include "virga/server/server.h"
#include "virga/telemetry/log.h"

namespace virga::cli {

namespace {

io::Task<void> serve_until_signal(io::Loop& loop, io::Signals& signals, server::Server& server) {
  auto signal = co_await signals.next();
  if (signal) log::info("stopping", {{"signal", *signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  co_await stop(loop, signals, server);
}

class Serve final : public Verb {
 public:
  void declare(CLI::App& app) override {
    add(app, shared_, {Shared::Port});
    app.add_option("--listen", listen_, "the IPv4 or IPv6 address to listen on; 0.0.0.0: every one")
        ->type_name("ADDRESS")
        ->envname("VIRGA_LISTEN")
        ->capture_default_str();
    add(app, shared_, {Shared::Data, Shared::Runtimes, Shared::Region, Shared::Concurrency, Shared::QueueWait});
    app.add_option("--memory-budget", memory_budget_,
                   "memory that functions may hold together, idle ones included; when it is short, the idle ones whose "
                   "loss costs least are ended; unless given, three fifths of the machine's memory")
        ->type_name("SIZE")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::uint64_t{64} << 20, std::uint64_t{1} << 50).description("at least 64MiB"));
    app.add_option("--freeze-after", freeze_after_,
                   "seconds without a call after which an idle function's processes are stopped until its next call; "
                   "0: never")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.0, 86400.0))
        ->capture_default_str();
    app.add_option("--user", user_,
                   "as root: the user to serve as; virga if there is one, else the owner of the data folder")
        ->type_name("NAME")
        ->envname("VIRGA_USER");
    app.add_option("--egress-allow", egress_allowed_,
                   "a private IPv4 range that functions with a way out may reach all the same; may be given again")
        ->type_name("RANGE");
    app.add_flag("!--no-templates", templates_,
                 "fork no instances from a process that has loaded their function: each loads it itself");
    app.add_flag("--rootless", rootless_, "make sandboxes without privileges, even when run as root");
    app.add_option("--log-format", log_format_, "text or json; unless given, text on a terminal and json elsewhere")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"text", "json"}));
    add(app, shared_, {Shared::LogLevel, Shared::Json});
  }

  bool wants_json() const override { return shared_.json || log_format_ == "json"; }

  Result<ExitCode> run(Console& console) override {
    VIRGA_TRY_ASSIGN(auto level, log::parse_level(shared_.log_level));
    auto format = log_format_ == "text"                   ? log::Format::Text
                  : log_format_ == "json" || wants_json() ? log::Format::Json
                                                          : log::Format::Auto;
    auto sink = log::make_stream_sink(STDERR_FILENO, format);
    log::Destination destination(*sink, level);

    server::Options options;
    options.listen = listen_;
    options.port = shared_.port;
    options.data_directory = shared_.data;
    if (options.data_directory.empty()) {
      VIRGA_TRY_ASSIGN(options.data_directory, default_data_directory());
    }
    options.runtimes_directory = shared_.runtimes;
    options.region = shared_.region;
    options.concurrency = shared_.concurrency;
    options.queue_wait = std::chrono::seconds(shared_.queue_wait);
    options.templates = templates_;
    options.memory_budget.count = memory_budget_;
    options.freeze_after = std::chrono::milliseconds(static_cast<std::int64_t>(freeze_after_ * 1000));
    options.user = user_;
    options.usual_user = "virga";
    options.egress_allowed = egress_allowed_;
    if (rootless_) options.privilege = sandbox::Helper::Privilege::Rootless;

    VIRGA_TRY_ASSIGN(auto loop, io::Loop::create());
    VIRGA_TRY_ASSIGN(auto signals, io::Signals::create(*loop, {SIGINT, SIGTERM}));
    auto data = options.data_directory;
    VIRGA_TRY_ASSIGN(auto server, start(*loop, std::move(options)));
    print_ready(console.out, *server, data);
    io::run_until_done(*loop, serve_until_signal(*loop, signals, *server));
    log::info("stopped");
    return ExitCode::Ok;
  }

 private:
  void print_ready(Terminal& out, const server::Server& server, const std::string& data) const {
    if (wants_json()) {
      boost::json::object ready = {{"event", "ready"},
                                   {"version", VIRGA_VERSION},
                                   {"url", server.url()},
                                   {"port", server.port()},
                                   {"data", data},
                                   {"key_file", server.key_file()},
                                   {"ready_ms", server.ready_time().count()},
                                   {"root", server.is_root()},
                                   {"user", server.user()},
                                   {"pid", ::getpid()}};
      out.line(boost::json::serialize(ready));
      return;
    }
    auto key = server.key_file().empty() ? std::string() : ", root key in " + server.key_file();
    out.line(fmt::format("virga {} answers at {} (ready in {} ms), data in {}{}{}", VIRGA_VERSION,
                         out.style(Style::Bold, server.url()), server.ready_time().count(), data, key,
                         server.is_root() ? "" : ", rootless"));
  }

  SharedOptions shared_;
  std::string listen_ = "127.0.0.1";
  bool templates_ = true;
  std::uint64_t memory_budget_ = 0;  // bytes; 0: not given
  double freeze_after_ = 2;          // seconds
  std::string user_;
  std::vector<std::string> egress_allowed_;
  bool rootless_ = false;
  std::string log_format_;
};

}  // namespace

const char kServeExamples[] =
    "  virga serve\n"
    "  virga serve --listen 0.0.0.0 --port 80 --data /srv/virga\n"
    "  virga serve --concurrency 5000 --memory-budget 48GiB\n"
    "  virga serve --user alice --data ~alice/.virga\n"
    "  virga serve --rootless --log-format json --log-level debug\n"
    "\n"
    "The data folder, unless given: $VIRGA_DATA, else /var/lib/virga if it can be written, else ~/.virga.\n"
    "The first start makes a root key and keeps it there in root-key.json (mode 0600).\n"
    "Started as root, it gives up every privilege and becomes another user before it serves; only the helper that "
    "makes\n"
    "sandboxes stays privileged.\n"
    "SIGINT and SIGTERM stop it in order, with the calls that run; a second one ends it at once.\n";

std::unique_ptr<Verb> make_serve() {
  return std::make_unique<Serve>();
}

}  // namespace virga::cli
