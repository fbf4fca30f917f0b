#include <fmt/format.h>

#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dialects/virga/phases.h"
#include "virga/dispatch/limits.h"
#include "virga/json/cursor.h"

// Invoke, and the older InvokeAsync.
namespace virga::dialects::aws::lambda {
namespace {

constexpr std::size_t kMaxPayload = 6291456;       // bytes, of a call that is waited for
constexpr std::size_t kMaxEventPayload = 1048576;  // bytes, of an Event
// Which asynchronous call it is: the one of the request's own id, or an earlier one with the same idempotency key.
constexpr std::string_view kInvocationField = "X-Virga-Invocation";
constexpr std::string_view kIdempotencyField = "idempotency-key";
constexpr std::chrono::seconds kStartTime{60};   // what a start may take beside the function's timeout
constexpr std::size_t kMaxClientContext = 3583;  // bytes of Base64

struct InvokeHeaders {
  std::string_view type;  // "" is RequestResponse
  model::LogTail tail = model::LogTail::None;
  std::string client_context;
};

Answer<InvokeHeaders> read_headers(const http::Request& request) {
  static constexpr std::array<std::string_view, 3> kTypes = {"Event", "RequestResponse", "DryRun"};
  static constexpr std::array<std::string_view, 2> kLogTypes = {"None", "Tail"};
  InvokeHeaders headers;
  Violations violations;
  headers.type = request.field("x-amz-invocation-type");
  if (!headers.type.empty()) check_enumeration(violations, "invocationType", headers.type, kTypes);
  std::string_view log = request.field("x-amz-log-type");
  if (!log.empty()) check_enumeration(violations, "logType", log, kLogTypes);
  if (log == "Tail") headers.tail = model::LogTail::Wanted;
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  std::string_view context = request.field("x-amz-client-context");
  if (context.empty()) return headers;
  if (context.size() > kMaxClientContext) {
    return std::unexpected(invalid_request_content(
        fmt::format("The client context has {} bytes; at most {} are allowed.", context.size(), kMaxClientContext)));
  }
  auto decoded = from_base64(context);
  if (!decoded || !json::validate(*decoded)) {
    return std::unexpected(invalid_request_content("Client context must be a valid Base64-encoded JSON object."));
  }
  headers.client_context = std::move(*decoded);
  return headers;
}

std::optional<Refusal> check_payload(std::string_view payload, std::size_t most) {
  if (payload.size() > most) {
    return request_too_large(fmt::format(
        "{} byte payload is too large: this invocation type exceeded the maximum allowed payload size ({} bytes).",
        payload.size(), most));
  }
  if (payload.empty()) return std::nullopt;
  if (auto valid = json::validate(payload); !valid) {
    return invalid_request_content("Could not parse request body into json: " + valid.error().message() + ".");
  }
  return std::nullopt;
}

model::Invocation make_invocation(const Call& call, const FunctionReference& function, std::string client_context) {
  model::Invocation invocation;
  invocation.id = model::RequestId(call.request_id());
  // An empty payload reaches the function as an empty object.
  invocation.payload = call.request().body.empty() ? std::string_view("{}") : call.request().body;
  invocation.invoked_arn = function_arn(call.account(), function.name, function.qualifier);
  invocation.trace_id = call.request().field("x-amzn-trace-id");
  invocation.client_context = std::move(client_context);
  return invocation;
}

// Who signed the request: the access key, which the signature has proven when an operation runs.
std::string_view caller(const http::Request& request) {
  auto key = sigv4_access_key(request);
  return key.empty() ? request.peer : key;
}

http::Response outcome_response(model::Outcome outcome, const std::string& executed_version) {
  http::Response response;
  response.add("Content-Type", "application/json");
  response.add("X-Amz-Executed-Version", executed_version);
  if (outcome.fault != model::Fault::None) response.add("X-Amz-Function-Error", "Unhandled");
  response.add(kPhasesField, format_phases(outcome.phases));
  if (auto start = format_start(outcome); !start.empty()) response.add(kStartField, start);
  if (!outcome.log_tail.empty()) response.add("X-Amz-Log-Result", to_base64(outcome.log_tail));
  response.body = std::move(outcome.payload);
  return response;
}

// Makes a call durable, to be run whether or not somebody waits for it. `retries`: nullopt: the function's.
io::Task<Result<model::RequestId>> accept(Call call, FunctionReference function, model::Invocation invocation,
                                          std::optional<std::uint32_t> retries = std::nullopt) {
  events::AcceptedCall accepted;
  accepted.retries = retries;
  accepted.function = std::move(function.name);
  accepted.qualifier = std::move(function.qualifier);
  accepted.accepted = call.services().clock.wall();
  accepted.idempotency_key = call.request().field(kIdempotencyField);
  invocation.kind = model::InvocationKind::Event;
  accepted.invocation = std::move(invocation);
  auto id = co_await call.services().async_calls.accept(std::move(accepted));
  co_return id;
}

// The outcome of the last attempt.
model::Outcome outcome_of(events::History history) {
  auto& last = history.attempts.back();
  model::Outcome outcome;
  outcome.fault = last.fault;
  outcome.payload = last.fault == model::Fault::None ? std::move(history.result) : std::move(last.error);
  outcome.log_tail = std::move(last.log);
  return outcome;
}

// A call that is waited for and must not run twice: it is made durable first, so that a repeat finds it, and runs once.
io::Task<http::Response> invoke_once(Call call, catalog::Resolved resolved, FunctionReference function,
                                     model::Invocation invocation) {
  auto wants_log = invocation.log_tail == model::LogTail::Wanted;
  auto& services = call.services();
  auto id = co_await accept(call, std::move(function), std::move(invocation), 0);
  if (!id) co_return respond(id.error());
  auto longest = resolved.version->config.timeout + kStartTime;
  auto deadline = io::Deadline::at(services.clock.steady() + longest);
  auto status = co_await services.async_calls.status(*id, deadline);
  if (!status) co_return respond(status.error());
  auto& history = status->history;
  bool has_ended = history.state == events::CallState::Succeeded || history.state == events::CallState::Failed;
  if (!has_ended || history.attempts.empty()) {
    co_return respond(service_exception(fmt::format(
        "The call {} {}. Ask for it with: virga status {}", id->text(),
        has_ended ? "could not run: " + history.reason : "is accepted, and did not end in time", id->text())));
  }
  auto version = history.attempts.back().version;
  auto outcome = outcome_of(std::move(history));
  if (!wants_log) outcome.log_tail.clear();
  auto response = outcome_response(std::move(outcome), version);
  response.add(kInvocationField, id->text());
  co_return response;
}

}  // namespace

io::Task<http::Response> invoke(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(InvokeHeaders headers, read_headers(call.request()));
  bool is_event = headers.type == "Event";
  if (auto refusal = check_payload(call.request().body, is_event ? kMaxEventPayload : kMaxPayload)) {
    co_return respond(*refusal);
  }
  auto resolved = call.catalog().resolve(function.name, function.qualifier, call.services().random.fraction());
  if (!resolved && resolved.error().code() == ErrorCode::NotFound) {
    co_return respond(function_not_found(call.account(), function));
  }
  if (!resolved) co_return respond(resolved.error());
  if (headers.type == "DryRun") co_return no_content();

  auto invocation = make_invocation(call, function, std::move(headers.client_context));
  if (dispatch::wants_caller(resolved->function->function.tags)) invocation.caller = caller(call.request());
  if (is_event) {
    auto accepted = co_await accept(call, std::move(function), std::move(invocation));
    if (!accepted) co_return respond(accepted.error());
    http::Response response;
    response.status = 202;
    response.add(kInvocationField, accepted->text());
    co_return response;
  }
  invocation.log_tail = headers.tail;
  if (!call.request().field(kIdempotencyField).empty()) {
    auto response = co_await invoke_once(call, std::move(*resolved), std::move(function), std::move(invocation));
    co_return response;
  }
  std::string executed_version = resolved->version->number.text();
  auto outcome = co_await call.services().invoker.invoke(std::move(*resolved), std::move(invocation));
  if (!outcome) co_return respond(outcome.error());
  co_return outcome_response(std::move(*outcome), executed_version);
}

io::Task<http::Response> invoke_async(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  if (auto refusal = check_payload(call.request().body, kMaxEventPayload)) co_return respond(*refusal);
  auto resolved = call.catalog().resolve(function.name, function.qualifier, call.services().random.fraction());
  if (!resolved) co_return respond(function_not_found(call.account(), function));
  auto invocation = make_invocation(call, function, {});
  if (dispatch::wants_caller(resolved->function->function.tags)) invocation.caller = caller(call.request());
  auto accepted = co_await accept(call, std::move(function), std::move(invocation));
  if (!accepted) co_return respond(accepted.error());
  auto response = json_response(202, "{\"Status\":202}");
  response.add(kInvocationField, accepted->text());
  co_return response;
}

}  // namespace virga::dialects::aws::lambda
