#include "virga/dialects/aws/url/function_urls.h"

#include <fmt/format.h>

#include <array>

#include "virga/base/encoding.h"
#include "virga/base/id.h"
#include "virga/dialects/aws/arn.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/url/cors.h"
#include "virga/dialects/aws/url/response.h"
#include "virga/dialects/virga/phases.h"
#include "virga/dispatch/limits.h"
#include "virga/dispatch/refusals.h"
#include "virga/json/plain.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kMaxPayload = 6 << 20;  // bytes of a request's body (AWS Lambda quotas)

http::Response refuse(int status, std::string_view code, std::string_view message) {
  std::string body;
  json::Object(body).add("Message", message);
  auto response = http::Response::make(status, "application/json", std::move(body));
  response.add("x-amzn-ErrorType", code);
  return response;
}

// What was refused before anything ran.
http::Response refuse(const Error& error) {
  switch (error.code()) {
    case ErrorCode::ResourceExhausted: {
      auto response = refuse(429, "TooManyRequestsException", error.message());
      response.add("Retry-After", std::to_string(dispatch::read_refusal(error).retry_after.count()));
      return response;
    }
    case ErrorCode::DeadlineExceeded:
      return refuse(504, "GatewayTimeoutException", error.message());
    case ErrorCode::Conflict:
    case ErrorCode::Cancelled:
    case ErrorCode::Unavailable: {
      auto response = refuse(503, "ServiceUnavailableException", error.message());
      auto parts = dispatch::read_refusal(error);
      if (!parts.reason.empty()) response.add("Retry-After", std::to_string(parts.retry_after.count()));
      return response;
    }
    default:
      return refuse(502, "InternalServerErrorException", "Internal Server Error");
  }
}

// With `fields` before its own.
http::Response to_response(model::Outcome outcome, std::string& fields) {
  auto failed = [&fields](http::Response response) {
    response.fields.append(fields);
    return response;
  };
  if (outcome.fault == model::Fault::TimedOut) {
    return failed(refuse(504, "GatewayTimeoutException", "Gateway Timeout"));
  }
  if (outcome.fault == model::Fault::None) {
    if (auto response = to_http_response(std::move(outcome.payload), fields)) return *std::move(response);
  }
  return failed(refuse(502, "InternalServerErrorException", "Internal Server Error"));
}

// A trace id that came with the request may need to be escaped.
bool is_fit_to_fill_in(std::string_view trace) {
  return json::plain_prefix(trace) == trace.size();
}

// Makes the event a text of its own, without a form.
void write_out(model::Invocation& invocation) {
  std::string event, trace;
  json::append_escaped(trace, invocation.trace_id);
  model::append_filled(event, *invocation.form, trace, invocation.id.text(), invocation.filling, invocation.payload);
  invocation.payload = std::move(event);
  invocation.form.reset();
}

}  // namespace

FunctionUrls::FunctionUrls(Parts parts)
    : parts_(std::move(parts)), forms_(parts_.random.next()), public_([] {
        model::UrlConfig config;
        config.auth = model::UrlAuth::None;
        return config;
      }()) {}

std::string FunctionUrls::address(const Account& account, const model::UrlConfig& config) {
  std::string address = account.base_url + "/fn/" + config.function.text();
  if (config.alias) address += ":" + config.alias->text();
  return address + "/";
}

std::optional<FunctionUrls::Found> FunctionUrls::find_by_id(std::string_view id) {
  model::UrlId url_id{std::string(id)};
  auto config = parts_.catalog.url(url_id);
  if (!config) return std::nullopt;
  auto resolved = parts_.catalog.resolve_url(url_id, parts_.random.fraction());
  if (!resolved) return std::nullopt;
  Found found{std::move(*resolved), {}, nullptr, {}};
  found.entry = found.resolved.function;
  auto place = found.entry->urls.find(config->alias);
  if (place == found.entry->urls.end()) return std::nullopt;
  found.config = &place->second;
  found.id = found.config->id.text();
  return found;
}

std::optional<FunctionUrls::Found> FunctionUrls::find(std::string_view target) {
  std::string decoded;
  if (target.find('%') != std::string_view::npos) {
    decoded = decode_form(target);
    target = decoded;
  }
  std::size_t colon = target.find(':');
  model::FunctionName name{std::string(target.substr(0, colon))};
  auto entry = parts_.catalog.function(name);
  if (!entry) return find_by_id(target);
  Found found{{}, std::move(*entry), nullptr, {}};
  std::optional<model::AliasName> alias;
  if (colon != std::string_view::npos) alias.emplace(std::string(target.substr(colon + 1)));
  auto place = found.entry->urls.find(alias);
  if (place != found.entry->urls.end()) {
    found.config = &place->second;
    found.id = found.config->id.text();
  } else if (parts_.without_url == WithoutUrl::Public) {
    found.config = &public_;
    found.id = found.entry->function.name.text();
  } else {
    return std::nullopt;
  }
  if (!alias) {
    found.resolved = {found.entry, found.entry->latest, std::nullopt};
    return found;
  }
  auto resolved = parts_.catalog.resolve(name, alias->text(), parts_.random.fraction());
  if (!resolved) return std::nullopt;
  found.resolved = std::move(*resolved);
  return found;
}

std::string FunctionUrls::trace_id(const http::Request& request, std::int64_t now_ms) {
  std::string_view given = request.field("x-amzn-trace-id");
  if (!given.empty()) return std::string(given);
  // Root=1-, 8 digits of the time, a dash, 24 random digits.
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string id = "Root=1-00000000-000000000000000000000000";
  auto put = [&id](std::size_t at, std::uint64_t value, int digits) {
    for (int i = digits; i-- > 0; value >>= 4) id[at + static_cast<std::size_t>(i)] = kDigits[value & 15];
  };
  put(7, static_cast<std::uint64_t>(now_ms / 1000), 8);
  put(16, parts_.random.next(), 16);
  put(32, parts_.random.next(), 8);
  return id;
}

io::Task<http::Response> FunctionUrls::handle(const http::Request& request, std::string_view target,
                                              std::string_view path) {
  auto found = find(target);
  if (!found) {
    co_return refuse(404, "ResourceNotFoundException",
                     fmt::format("There is no function URL '{}' here. If the function exists, give it one: aws lambda "
                                 "create-function-url-config --function-name NAME --auth-type NONE --endpoint-url {}",
                                 target, parts_.account.base_url));
  }
  const model::UrlConfig& config = *found->config;
  if (config.cors && is_preflight(request)) co_return answer_preflight(request, *config.cors);

  std::optional<UrlCaller> caller;
  if (config.auth == model::UrlAuth::Iam) {
    caller = parts_.authenticate(request);
    if (!caller) co_return refuse(403, "AccessDeniedException", "Forbidden");
  }
  if (request.body.size() > kMaxPayload) {
    co_return refuse(413, "RequestEntityTooLargeException",
                     fmt::format("The request body has {} bytes; a function URL takes at most {}.", request.body.size(),
                                 kMaxPayload));
  }

  std::int64_t now_ms = unix_milliseconds(parts_.clock.wall());
  model::Invocation invocation;
  invocation.id = model::RequestId(make_uuid(parts_.random));
  invocation.trace_id = trace_id(request, now_ms);
  invocation.invoked_arn = function_arn(parts_.account, found->entry->function.name,
                                        found->resolved.alias ? std::string_view(found->resolved.alias->text()) : "");
  auto body = body_of(request);
  append_body(invocation.payload, body, request.body);
  invocation.form = forms_.of(UrlEvent{request, path, found->id, caller ? &*caller : nullptr}, body);
  invocation.filling = time_.at(now_ms);
  if (!is_fit_to_fill_in(invocation.trace_id)) write_out(invocation);
  if (dispatch::wants_caller(found->entry->function.tags)) {
    invocation.caller = caller ? std::string_view(caller->access_key) : request.peer;
  }
  // Both are made here or came as a valid field of the request.
  std::string own_fields;
  own_fields.reserve(256);  // with those of the usual answer
  own_fields.append("x-amzn-RequestId: ").append(invocation.id.text());
  own_fields.append("\r\nX-Amzn-Trace-Id: ").append(invocation.trace_id).append("\r\n");
  auto outcome = co_await parts_.invoker.invoke(std::move(found->resolved), std::move(invocation));
  std::string phases = outcome && outcome->is_cold() ? format_phases(outcome->phases) : std::string();
  std::string start = outcome ? format_start(*outcome) : std::string();
  http::Response response;
  if (outcome) {
    response = to_response(std::move(*outcome), own_fields);
  } else {
    response = refuse(outcome.error());
    response.fields.append(own_fields);
  }
  if (!phases.empty()) response.add(kPhasesField, phases);
  if (!start.empty()) response.add(kStartField, start);
  if (config.cors) apply_cors(response, request, *config.cors);
  co_return response;
}

}  // namespace virga::dialects::aws
