#include "virga/cli/dev_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kCallTime{60};
constexpr auto kKey = "virga";
constexpr std::array kColours = {Style::Cyan, Style::Magenta, Style::Blue, Style::Yellow, Style::Green};

}  // namespace

DevSession::DevSession(Parts parts)
    : parts_(std::move(parts)), client_(parts_.loop, client_options()), tasks_(parts_.loop) {
  for (auto& manifest : parts_.functions) functions_.push_back({.manifest = std::move(manifest)});
}

Client::Options DevSession::client_options() const {
  Client::Options options;
  options.endpoint = {parts_.server.url(), fmt::format("127.0.0.1:{}", parts_.server.port()), "127.0.0.1",
                      parts_.server.port()};
  options.credentials = {{kKey, Secret(kKey), "", "virga dev"}};
  options.region = "us-east-1";
  return options;
}

void DevSession::start() {
  // Before the first deployment, so that no change after it goes unseen.
  if (auto watched = watch_folders(); !watched) report_failure(parts_.folder, watched.error());
  tasks_.add(run());
}

void DevSession::stop() {
  stopping_ = true;
  client_.close();
  if (watch_) watch_->close();
  for (auto& reader : readers_) {
    if (reader) reader->close();
  }
}

io::Task<void> DevSession::join() {
  (void)co_await tasks_.join();
}

io::Task<void> DevSession::run() {
  for (auto& function : functions_) {
    if (stopping_) co_return;
    co_await deploy_one(function);
    if (function.deployed && !stopping_) co_await call_one(function);
  }
  if (stopping_) co_return;
  if (parts_.output == Output::Json) {
    print_json();
  } else {
    print_banner();
  }
  for (std::size_t i = 0; i < functions_.size(); ++i) add_reader(i);
  if (watch_) tasks_.add(follow_changes());
}

// Shows its logs from here on, once it is deployed.
void DevSession::add_reader(std::size_t index) {
  if (readers_.size() <= index) readers_.resize(index + 1);
  if (!functions_[index].deployed || readers_[index]) return;
  readers_[index] = std::make_unique<Client>(parts_.loop, client_options());
  tasks_.add(show_logs(index));
}

io::Task<void> DevSession::deploy_one(Function& function) {
  auto deployed = co_await deploy(client_, function.manifest, Publish::No);
  if (deployed) {
    function.deployed = std::move(*deployed);
    function.failure.clear();
  } else {
    function.failure = deployed.error().message();
  }
}

io::Task<void> DevSession::call_one(Function& function) {
  http::ClientRequest request;
  request.method = "POST";
  request.target = function_target("2015-03-31", function.manifest.name, "/invocations");
  request.body = "{}";
  auto started = parts_.loop.clock().steady();
  auto deadline = io::Deadline::in(parts_.loop, kCallTime);
  auto response = co_await client_.send(std::move(request), deadline);
  std::chrono::duration<double, std::milli> time = parts_.loop.clock().steady() - started;
  function.call.milliseconds = time.count();
  if (!response) {
    function.call.failure = response.error().message();
  } else if (!response->field("x-amz-function-error").empty()) {
    boost::system::error_code ignored;
    auto error = json::parse(response->body, ignored);
    function.call.failure = text_member(error, "errorType") + ": " + text_member(error, "errorMessage");
  }
}

io::Task<void> DevSession::show_logs(std::size_t index) {
  std::function<void(const LogEntry&)> take = [this, index](const LogEntry& entry) { print_entry(index, entry); };
  auto ended = co_await read_logs(*readers_[index], functions_[index].manifest.name, 0, Follow::Yes, take);
  if (ended || stopping_) co_return;
  parts_.console.err.line(fmt::format("the logs of {} are no longer shown: {}", functions_[index].manifest.name,
                                      clean_line(ended.error().message())));
}

void DevSession::print_entry(std::size_t index, const LogEntry& entry) {
  auto& out = parts_.console.out;
  const auto& name = functions_[index].manifest.name;
  if (parts_.output == Output::Json) {
    auto object = to_json(entry);
    object["event"] = "log";
    object["function"] = name;
    out.line(json::serialize(object));
    return;
  }
  std::size_t width = 0;
  for (const auto& function : functions_) width = std::max(width, function.manifest.name.size());
  auto padded = name + std::string(width - name.size(), ' ');
  out.write(render(entry, out.style(kColours[index % kColours.size()], padded) + " ", out));
}

void DevSession::print_functions() const {
  auto& out = parts_.console.out;
  Table table({{"FUNCTION"}, {"RUNTIME"}, {"FIRST CALL", Align::Right}, {"URL", Align::Left, Narrow::Keep}});
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    const auto& function = functions_[i];
    bool works = function.deployed && function.call.failure.empty();
    auto call = !function.deployed              ? std::string("not deployed")
                : function.call.failure.empty() ? format_milliseconds(function.call.milliseconds)
                                                : std::string("failed");
    auto url = function.deployed && !function.deployed->url.empty() ? function.deployed->url : "-";
    table.add({{function.manifest.name, kColours[i % kColours.size()]},
               {function.manifest.runtime},
               {call, works ? Style::Green : Style::Red},
               {url}});
  }
  out.write(table.render(out));
  for (const auto& function : functions_) {
    const auto& failure = function.deployed ? function.call.failure : function.failure;
    if (failure.empty()) continue;
    out.line(out.style(Style::Red, function.manifest.name + ": ") + clean_line(failure));
  }
}

void DevSession::print_banner() const {
  auto& out = parts_.console.out;
  auto label = [&](std::string_view text) { return out.style(Style::Dim, fmt::format("{:<10}", text)); };
  out.line(fmt::format("\n{} {} ready in {} ms\n", out.style(Style::Bold, "virga"), VIRGA_VERSION,
                       parts_.server.ready_time().count()));
  out.line(label("endpoint") + out.style(Style::Cyan, parts_.server.url()));
  out.line(label("data") + clean_line(parts_.data));
  if (!parts_.server.is_root()) {
    out.line(label("sandbox") + "rootless: fewer limits; `virga doctor` says which");
  }
  out.line();
  if (functions_.empty()) {
    out.line("No functions yet. In another terminal: virga deploy DIR");
  } else {
    print_functions();
  }
  std::string curls;
  for (const auto& function : functions_) {
    if (function.deployed && !function.deployed->url.empty()) curls += "  curl " + function.deployed->url + "\n";
  }
  if (!curls.empty()) out.write("\n" + out.style(Style::Dim, "Call them:") + "\n" + curls);
  out.write("\n" + out.style(Style::Dim, "Use any AWS client:") + "\n");
  out.line("  export AWS_ENDPOINT_URL=" + parts_.server.url());
  out.line("  export AWS_ACCESS_KEY_ID=virga AWS_SECRET_ACCESS_KEY=virga AWS_DEFAULT_REGION=us-east-1");
  out.line("\n" + out.style(Style::Dim, "Logs follow, and what changes is deployed again; Ctrl-C stops everything."));
}

void DevSession::print_json() const {
  json::array functions;
  for (const auto& function : functions_) {
    json::object one = {{"name", function.manifest.name}};
    if (function.deployed) one = to_json(*function.deployed);
    one["first_call_ms"] = function.call.milliseconds;
    const auto& failure = function.deployed ? function.call.failure : function.failure;
    if (!failure.empty()) one["failure"] = failure;
    functions.push_back(std::move(one));
  }
  json::object ready = {{"event", "ready"},
                        {"version", VIRGA_VERSION},
                        {"url", parts_.server.url()},
                        {"port", parts_.server.port()},
                        {"data", parts_.data},
                        {"ready_ms", parts_.server.ready_time().count()},
                        {"root", parts_.server.is_root()},
                        {"functions", std::move(functions)}};
  parts_.console.out.line(json::serialize(ready));
}

}  // namespace virga::cli
