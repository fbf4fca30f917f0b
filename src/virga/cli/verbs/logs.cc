#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <deque>

#include "virga/cli/client_verb.h"
#include "virga/cli/log_reader.h"
#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr std::size_t kTail = 50;  // entries shown unless asked for all

class Logs final : public ClientVerb {
 protected:
  void declare_own(CLI::App& app) override {
    app.add_option("name", name_, "the function")->type_name("NAME")->required();
    app.add_flag("--follow,-f", follow_, "wait for more until Ctrl-C");
    app.add_flag("--since-start", all_, "all that the server keeps since its start, not only the newest 50 entries");
  }

  io::Task<Result<ExitCode>> talk(Client& client, Console& console) override {
    std::deque<LogEntry> kept;
    std::function<void(const LogEntry&)> keep = [this, &kept](const LogEntry& entry) {
      kept.push_back(entry);
      if (!all_ && kept.size() > kTail) kept.pop_front();
    };
    VIRGA_CO_TRY_ASSIGN(auto last, co_await read_logs(client, name_, 0, Follow::No, keep));
    for (const auto& entry : kept) print(entry, console);
    if (kept.empty() && !follow_ && !wants_json()) {
      console.err.line(clean_line(name_) + " has written nothing since the server started");
    }
    if (!follow_) co_return ExitCode::Ok;
    std::function<void(const LogEntry&)> show = [this, &client, &console](const LogEntry& entry) {
      if (!print(entry, console)) client.close();
    };
    auto followed = co_await read_logs(client, name_, last, Follow::Yes, show);
    // Whoever read the output has gone (`virga logs -f hello | head`): that is how such a command ends.
    if (!followed && followed.error().code() == ErrorCode::Cancelled) co_return ExitCode::Ok;
    if (!followed) co_return fail(std::move(followed).error());
    co_return ExitCode::Ok;
  }

 private:
  bool print(const LogEntry& entry, Console& console) const {
    if (wants_json()) return console.out.line(json::serialize(to_json(entry)));
    auto time = entry.time.size() > 23 ? entry.time.substr(11, 12) : entry.time;
    return console.out.write(render(entry, console.out.style(Style::Dim, clean_line(time)) + "  ", console.out));
  }

  std::string name_;
  bool follow_ = false;
  bool all_ = false;
};

}  // namespace

const char kLogsExamples[] =
    "  virga logs hello\n"
    "  virga logs -f hello\n"
    "  virga logs --since-start hello --json | jq -r .text\n"
    "\n"
    "Times are UTC. The last line of each call has its result, duration, memory and request id.\n";

std::unique_ptr<Verb> make_logs() {
  return std::make_unique<Logs>();
}

}  // namespace virga::cli
