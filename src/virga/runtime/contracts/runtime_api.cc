#include "virga/runtime/contracts/runtime_api.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace virga::runtime {
namespace {

constexpr std::string_view kPrefix = "/2018-06-01/runtime/";
constexpr std::uint64_t kMaxResponse = 6291556;  // 6 MiB and 100 bytes: AWS's limit of a response

http::Response answer(int status, std::string body) {
  return http::Response::make(status, "application/json", std::move(body));
}

http::Response refuse(int status, std::string_view type, std::string_view message) {
  boost::json::object body{{"errorMessage", message}, {"errorType", type}};
  return answer(status, boost::json::serialize(body));
}

http::Response accepted() {
  return answer(202, R"({"status":"OK"})");
}

std::string_view name_of(int state) {
  static constexpr std::string_view kNames[] = {"RuntimeStarted", "RuntimeReady", "RuntimeRunning",
                                                "RuntimeInvocationResponse"};
  return kNames[state];
}

}  // namespace

RuntimeApi::RuntimeApi(io::Loop& loop, ContractSink& sink) : sink_(sink), changed_(std::make_shared<io::Event>(loop)) {
  // Clients hang in `next` for hours and keep their connection; a paused sandbox must not lose it.
  limits_.idle = http::Limits::Time::max();
  limits_.header_time = http::Limits::Time::max();
  limits_.body_grace = http::Limits::Time::max();
  limits_.write_stall = http::Limits::Time::max();
  limits_.requests_per_connection = UINT64_MAX;
  limits_.connections = 64;
}

RuntimeApi::~RuntimeApi() = default;

Result<std::unique_ptr<RuntimeApi>> RuntimeApi::create(io::Loop& loop, os::Descriptor listener, ContractSink& sink) {
  VIRGA_TRY_ASSIGN(auto listening, io::Listener::adopt(loop, std::move(listener)));
  std::unique_ptr<RuntimeApi> api(new RuntimeApi(loop, sink));
  api->server_ = std::make_unique<http::Server>(loop, *api, api->limits_);
  api->server_->serve(std::move(listening));
  return api;
}

void RuntimeApi::invoke(std::uint64_t number, const model::Invocation& invocation, std::int64_t deadline_unix_ms) {
  work_.number = number;
  work_.id = invocation.id;
  work_.payload.clear();
  model::append_event(work_.payload, invocation);
  work_.fields = fmt::format(
      "Content-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: {}\r\n"
      "Lambda-Runtime-Invoked-Function-Arn: {}\r\n",
      invocation.id.text(), deadline_unix_ms, invocation.invoked_arn);
  http::Response checked;  // what came from a caller is put in as fields only if it can be one
  if (!invocation.trace_id.empty()) checked.add("Lambda-Runtime-Trace-Id", invocation.trace_id);
  if (!invocation.client_context.empty()) checked.add("Lambda-Runtime-Client-Context", invocation.client_context);
  if (!invocation.cognito_identity.empty()) checked.add("Lambda-Runtime-Cognito-Identity", invocation.cognito_identity);
  if (!invocation.tenant_id.empty()) checked.add("Lambda-Runtime-Aws-Tenant-Id", invocation.tenant_id);
  work_.fields += checked.fields;
  has_work_ = true;
  changed_->set();
}

io::Task<void> RuntimeApi::stop() {
  stopping_ = true;
  changed_->set();
  co_await server_->stop(std::chrono::milliseconds(0));
}

http::Admission RuntimeApi::admit(const http::Request& head) {
  http::Admission admission;
  // One byte more than allowed is taken in, so that the answer names the limit and the connection lives on.
  bool is_response = head.path.ends_with("/response");
  admission.max_body = is_response ? (16u << 20) : (1u << 20);
  return admission;
}

io::Task<http::Response> RuntimeApi::handle(const http::Request& request) {
  std::string_view path = request.path;
  if (path == "/ping" || path == "/2018-06-01/ping") {
    auto pong = http::Response::make(200, "text/plain", "pong");
    co_return pong;
  }
  if (!path.starts_with(kPrefix)) co_return refuse(404, "InvalidRequest", "no such call");
  path.remove_prefix(kPrefix.size());
  if (path == "invocation/next" && request.method == "GET") {
    auto given = co_await next(request);
    co_return given;
  }
  if (request.method != "POST") co_return refuse(405, "InvalidRequest", "no such method");
  if (path == "init/error") co_return init_error(request);
  static constexpr std::string_view kInvocation = "invocation/";
  if (path.starts_with(kInvocation)) {
    path.remove_prefix(kInvocation.size());
    auto slash = path.find('/');
    if (slash != std::string_view::npos) {
      auto id = path.substr(0, slash);
      auto call = path.substr(slash + 1);
      if (call == "response") co_return response(request, id);
      if (call == "error") co_return error(request, id);
    }
  }
  co_return refuse(404, "InvalidRequest", "no such call");
}

io::Task<http::Response> RuntimeApi::next(const http::Request& request) {
  if (state_ == State::Running) {
    // A second `next` while an invocation runs asks for the same one again, as AWS's emulator answers it.
    http::Response again;
    again.fields = work_.fields;
    again.body = work_.payload;
    co_return again;
  }
  bool first = state_ == State::Initializing;
  state_ = State::Ready;
  if (first) sink_.contract_ready(ContractSink::Speaker::RuntimeApi, 1);
  auto changed = changed_;
  request.on_peer_gone([changed] { changed->set(); });
  while (!has_work_) {
    if (stopping_ || request.peer_gone()) co_return refuse(500, "InternalServerError", "the instance is ending");
    changed->reset();
    auto waited = co_await changed->wait();
    (void)waited;
  }
  // Taken by one `next` only, should several wait.
  has_work_ = false;
  state_ = State::Running;
  http::Response given;
  given.fields = work_.fields;
  given.body = work_.payload;
  co_return given;
}

http::Response RuntimeApi::response(const http::Request& request, std::string_view id) {
  if (state_ != State::Running) {
    return refuse(403, "InvalidStateTransition",
                  fmt::format("State transition from {} to RuntimeInvocationResponse failed for runtime. Error: State "
                              "transition is not allowed",
                              name_of(static_cast<int>(state_))));
  }
  if (id != work_.id.text()) return refuse(400, "InvalidRequestID", "Invalid request ID");
  auto mode = request.field("Lambda-Runtime-Function-Response-Mode");
  if (!mode.empty() && mode != "streaming") {
    return refuse(400, "InvalidFunctionResponseMode", "Invalid response mode: use 'streaming' or leave it out");
  }
  state_ = State::Answered;
  sink_.contract_result(work_.number, request.body);
  if (request.body.size() > kMaxResponse) {
    return refuse(413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).");
  }
  return accepted();
}

http::Response RuntimeApi::error(const http::Request& request, std::string_view id) {
  if (state_ != State::Running) {
    return refuse(403, "InvalidStateTransition",
                  fmt::format("State transition from {} to RuntimeInvocationErrorResponse failed for runtime. Error: "
                              "State transition is not allowed",
                              name_of(static_cast<int>(state_))));
  }
  if (id != work_.id.text()) return refuse(400, "InvalidRequestID", "Invalid request ID");
  state_ = State::Answered;
  sink_.contract_error(work_.number, request.body);
  return accepted();
}

http::Response RuntimeApi::init_error(const http::Request& request) {
  if (state_ != State::Initializing) {
    return refuse(
        403, "InvalidStateTransition",
        fmt::format("State transition from {} to RuntimeInitError failed for runtime. Error: State transition "
                    "is not allowed",
                    name_of(static_cast<int>(state_))));
  }
  sink_.contract_init_error(request.body);
  return accepted();
}

}  // namespace virga::runtime
