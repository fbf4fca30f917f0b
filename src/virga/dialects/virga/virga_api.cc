#include "virga/dialects/virga/virga_api.h"

#include <fmt/format.h>

#include <charconv>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/json/text.h"
#include "virga/dialects/virga/log_stream.h"

namespace virga::dialects {
namespace {

constexpr std::uint64_t kMaxLimit = 10000;
constexpr std::string_view kLines = "application/x-ndjson";
constexpr std::string_view kFunctions = "functions/";
constexpr std::string_view kLogs = "/logs";

http::Response refuse(int status, std::string_view message) {
  std::string body;
  json::Object(body).add("message", message);
  return http::Response::make(status, "application/json", std::move(body));
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

}  // namespace

http::Response VirgaApi::status() const {
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
  return http::Response::make(200, "application/json", std::move(body));
}

http::Response VirgaApi::logs(std::string_view name, std::string_view raw_query) {
  auto decoded = percent_decode(name);
  model::FunctionName function{decoded ? *decoded : std::string(name)};
  if (!parts_.catalog.function(function)) {
    return refuse(404, fmt::format("There is no function '{}'. `virga list` shows what there is.", function.text()));
  }
  aws::Query query(raw_query);
  auto after = number_of(query, "after", 0);
  auto limit = number_of(query, "limit", 1000);
  if (!after || !limit || *limit == 0 || *limit > kMaxLimit) {
    return refuse(400, fmt::format("'after' must be a whole number, and 'limit' one from 1 to {}.", kMaxLimit));
  }
  auto follow = query.find("follow");
  if (follow && *follow != "0") {
    http::Response response;
    response.add("Content-Type", kLines);
    response.stream = std::make_unique<LogStream>(parts_.loop, parts_.logs, function, *after);
    return response;
  }
  std::string lines;
  for (const auto& record : parts_.logs.read(function, *after, static_cast<std::size_t>(*limit))) {
    append_log_line(lines, record);
  }
  return http::Response::make(200, kLines, std::move(lines));
}

http::Response VirgaApi::answer(const http::Request& request) {
  auto identity = parts_.verifier.verify(request, aws::sigv4_rules("virga"));
  if (!identity) return refuse(identity.error().status, identity.error().message);
  std::string_view path = request.path.starts_with(kPrefix) ? request.path.substr(kPrefix.size()) : std::string_view();
  bool logs_path =
      path.starts_with(kFunctions) && path.ends_with(kLogs) && path.size() > kFunctions.size() + kLogs.size();
  if (path != "status" && !logs_path) return refuse(404, fmt::format("There is nothing at {}.", request.path));
  if (request.method != "GET") return refuse(405, fmt::format("{} takes only GET.", request.path));
  if (path == "status") return status();
  path.remove_prefix(kFunctions.size());
  path.remove_suffix(kLogs.size());
  return logs(path, request.query);
}

io::Task<http::Response> VirgaApi::handle(const http::Request& request) {
  co_return answer(request);
}

}  // namespace virga::dialects
