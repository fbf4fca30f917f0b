#include "virga/dialects/virga/virga_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "virga/base/assert.h"
#include "virga/base/encoding.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/cloudevents/cloud_events.h"
#include "virga/dialects/virga/invocations.h"
#include "virga/dialects/virga/log_stream.h"
#include "virga/json/text.h"

namespace virga::dialects {
namespace {

constexpr std::uint64_t kMaxLimit = 10000;
constexpr std::uint64_t kLongestWait = 900;  // seconds
constexpr std::string_view kLines = "application/x-ndjson";
constexpr std::array<std::string_view, 2> kPrefixes = {"/virga/v1", "/_virga/v1"};

http::Response json_response(int status, std::string body) {
  return http::Response::make(status, "application/json", std::move(body));
}

http::Response refuse(int status, std::string_view message) {
  std::string body;
  json::Object(body).add("message", message);
  return json_response(status, std::move(body));
}

http::Response refuse(const Error& error) {
  switch (error.code()) {
    case ErrorCode::InvalidArgument:
      return refuse(400, error.message());
    case ErrorCode::NotFound:
      return refuse(404, error.message());
    case ErrorCode::Unimplemented:
      return refuse(415, error.message());
    case ErrorCode::Conflict:
      return refuse(409, error.message());
    case ErrorCode::ResourceExhausted:
    case ErrorCode::Unavailable:
      return refuse(503, error.message());
    default:
      return refuse(500, error.message());
  }
}

// A number of the query, or `otherwise` if it is not there; nothing if it is no number.
std::optional<std::uint64_t> number_of(const aws::Query& query, std::string_view name, std::uint64_t otherwise) {
  auto text = query.find(name);
  if (!text) return otherwise;
  std::uint64_t number = 0;
  auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (problem != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::string_view prefix_of(std::string_view path) {
  auto found = std::ranges::find_if(kPrefixes, [&](std::string_view prefix) {
    return path.starts_with(prefix) && path.substr(prefix.size()).starts_with('/');
  });
  return found == kPrefixes.end() ? std::string_view() : *found;
}

}  // namespace

VirgaApi::VirgaApi(Parts parts) : parts_(std::move(parts)), begin_(parts_.loop.clock().steady()) {
  add("GET", "/status", &VirgaApi::status);
  add("GET", "/functions/{Name}/logs", &VirgaApi::logs);
  add("GET", "/functions/{Name}/invocations", &VirgaApi::failed_invocations);
  add("GET", "/invocations/{Id}", &VirgaApi::invocation);
  add("POST", "/invocations/{Id}/redrive", &VirgaApi::redrive);
  add("POST", "/events", &VirgaApi::put_events);
  add("GET", "/firings", &VirgaApi::firings);
}

void VirgaApi::add(std::string_view method, std::string_view pattern, Handler handler) {
  auto route = router_.add(method, pattern);
  VIRGA_ASSERT(route && *route == handlers_.size());
  handlers_.push_back(handler);
}

bool VirgaApi::takes(std::string_view path) {
  return !prefix_of(path).empty();
}

io::Task<http::Response> VirgaApi::handle(const http::Request& request) {
  auto identity = parts_.verifier.verify(request, aws::sigv4_rules("virga"));
  if (!identity) co_return refuse(identity.error().status, identity.error().message);
  if (!identity->function.empty()) {
    co_return refuse(
        403, fmt::format("The key of a function ({}) is not for this; use the root key.", identity->access_key));
  }
  auto match = router_.find(request.method, request.path.substr(prefix_of(request.path).size()));
  if (!match && match.error().code() == ErrorCode::Unimplemented) {
    co_return refuse(405, fmt::format("{} takes only {}.", request.path, match.error().message()));
  }
  if (!match) co_return refuse(404, fmt::format("There is nothing at {}.", request.path));
  Request found;
  found.query = request.query;
  found.http = &request;
  if (match->capture_count > 0) {
    auto decoded = percent_decode(match->captures[0]);
    found.name = decoded ? *decoded : std::string(match->captures[0]);
  }
  auto response = co_await (this->*handlers_[match->route])(std::move(found));
  co_return response;
}

io::Task<http::Response> VirgaApi::status(Request) {
  auto uptime = std::chrono::duration_cast<std::chrono::seconds>(parts_.loop.clock().steady() - begin_);
  auto counts = parts_.invoker.instances();
  std::string body;
  {
    json::Object object(body);
    object.add("version", parts_.version)
        .add("uptime_seconds", uptime.count())
        .add("functions", parts_.catalog.usage().functions);
    json::Object instances(object.open("instances"));
    instances.add("starting", counts.starting).add("idle", counts.idle).add("busy", counts.busy);
  }
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> VirgaApi::logs(Request request) {
  model::FunctionName function{request.name};
  if (!parts_.catalog.function(function)) {
    co_return refuse(404, fmt::format("There is no function '{}'. `virga list` shows what there is.", function.text()));
  }
  aws::Query query(request.query);
  auto after = number_of(query, "after", 0);
  auto limit = number_of(query, "limit", 1000);
  if (!after || !limit || *limit == 0 || *limit > kMaxLimit) {
    co_return refuse(400, fmt::format("'after' must be a whole number, and 'limit' one from 1 to {}.", kMaxLimit));
  }
  auto follow = query.find("follow");
  if (follow && *follow != "0") {
    http::Response response;
    response.add("Content-Type", kLines);
    response.stream = std::make_unique<LogStream>(parts_.loop, parts_.logs, function, *after);
    co_return response;
  }
  std::string lines;
  for (const auto& record : parts_.logs.read(function, *after, static_cast<std::size_t>(*limit))) {
    append_log_line(lines, record);
  }
  co_return http::Response::make(200, kLines, std::move(lines));
}

io::Task<http::Response> VirgaApi::failed_invocations(Request request) {
  aws::Query query(request.query);
  auto limit = number_of(query, "limit", 1000);
  if (!limit || *limit == 0 || *limit > kMaxLimit) {
    co_return refuse(400, fmt::format("'limit' must be a whole number from 1 to {}.", kMaxLimit));
  }
  if (query.find("state").value_or("failed") != "failed") {
    co_return refuse(400, "'state' can only be failed: those are the calls that are kept by function.");
  }
  auto after = query.find("after").value_or("");
  auto ids = co_await parts_.async_calls.failed(model::FunctionName(request.name), std::string(after),
                                                static_cast<std::size_t>(*limit));
  if (!ids) co_return refuse(ids.error());
  std::string body;
  {
    json::Object object(body);
    json::Array list(object.open("invocations"));
    for (const auto& id : *ids) list.add(id.text());
  }
  co_return json_response(200, std::move(body));
}

io::Task<http::Response> VirgaApi::invocation(Request request) {
  aws::Query query(request.query);
  auto wait = number_of(query, "wait", 0);
  if (!wait || *wait > kLongestWait) {
    co_return refuse(400, fmt::format("'wait' must be a whole number of seconds, at most {}.", kLongestWait));
  }
  auto deadline = io::Deadline::in(parts_.loop, std::chrono::seconds(*wait));
  auto status = co_await parts_.async_calls.status(model::RequestId(request.name), deadline);
  if (!status) co_return refuse(status.error());
  co_return json_response(200, write_invocation(*status));
}

io::Task<http::Response> VirgaApi::redrive(Request request) {
  auto again = co_await parts_.async_calls.redrive(model::RequestId(request.name));
  if (!again) co_return refuse(again.error());
  std::string body;
  json::Object(body).add("id", request.name);
  co_return json_response(202, std::move(body));
}

io::Task<http::Response> VirgaApi::put_events(Request request) {
  auto cloud_events = cloudevents::read(*request.http, parts_.loop.clock().wall());
  if (!cloud_events) co_return refuse(cloud_events.error());
  aws::Query query(request.query);
  std::string bus(query.find("bus").value_or(events::kDefaultBus));
  if (!parts_.bus.lines().contains(bus)) co_return refuse(404, fmt::format("There is no event bus '{}'.", bus));
  std::vector<events::Bus::Entry> entries;
  for (auto& event : *cloud_events) entries.push_back({bus, std::move(event)});
  auto ids = co_await parts_.bus.put(std::move(entries));
  if (!ids) co_return refuse(ids.error());
  std::string body;
  {
    json::Object object(body);
    json::Array list(object.open("ids"));
    for (const auto& id : *ids) list.add(id ? *id : std::string());
  }
  co_return json_response(202, std::move(body));
}

io::Task<http::Response> VirgaApi::firings(Request request) {
  aws::Query query(request.query);
  auto limit = number_of(query, "limit", 100);
  if (!limit || *limit == 0 || *limit > kMaxLimit) {
    co_return refuse(400, fmt::format("'limit' must be a whole number from 1 to {}.", kMaxLimit));
  }
  std::string id;
  if (auto schedule = query.find("schedule")) id = "schedule/" + std::string(*schedule);
  if (auto rule = query.find("rule")) id = "rule/default|" + std::string(*rule);
  if (id.empty()) co_return refuse(400, "Say whose firings: schedule=GROUP/NAME or rule=NAME.");
  auto records = co_await parts_.scheduler.firings(id, static_cast<std::size_t>(*limit));
  if (!records) co_return refuse(records.error());
  std::string body;
  {
    json::Object object(body);
    json::Array list(object.open("firings"));
    constexpr std::array<std::string_view, 3> kStates = {"sent", "failed", "missed"};
    for (const auto& record : *records) {
      json::Object item(list.open());
      item.add("due", format_rfc3339(record.due))
          .add("fired", format_rfc3339(record.fired))
          .add("state", kStates[static_cast<std::size_t>(record.state)]);
      if (record.missed_to) item.add("missed_to", format_rfc3339(*record.missed_to));
      if (!record.result.empty()) item.add("result", record.result);
    }
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects
