#include "virga/cli/client.h"

#include <fmt/format.h>

#include "virga/base/clock.h"
#include "virga/base/encoding.h"
#include "virga/base/problems.h"
#include "virga/cli/terminal.h"
#include "virga/dialects/aws/sigv4_signer.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kCallTime{60};

ErrorCode code_for(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::PermissionDenied;
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::Conflict;
    case 413:
      return ErrorCode::TooLarge;
    case 429:
      return ErrorCode::ResourceExhausted;
    default:
      return ErrorCode::Internal;
  }
}

// "CODE: message" out of an AWS error (x-amzn-ErrorType and {"message"} or {"Message"}), or what there is.
Error refusal(const http::ClientResponse& response) {
  std::string code(response.field("x-amzn-errortype"));
  code = code.substr(0, code.find(':'));
  boost::system::error_code ignored;
  auto body = json::parse(response.body, ignored);
  std::string message;
  for (const auto* name : {"message", "Message", "error", "errorMessage"}) {
    if (message.empty()) message = text_member(body, name);
  }
  if (code.empty()) code = text_member(body, "code");
  if (code.empty()) code = text_member(body, "Code");
  if (code.empty()) code = fmt::format("HTTP {}", response.status);
  if (message.empty()) message = response.body.empty() ? "the answer says no more" : response.body.substr(0, 300);
  return Error(code_for(response.status), clean_line(code + ": " + message));
}

bool is_unknown_key(const http::ClientResponse& response) {
  auto code = response.field("x-amzn-errortype");
  return response.status == 403 && (code.empty() || code.starts_with("UnrecognizedClientException") ||
                                    code.starts_with("InvalidSignatureException"));
}

Error unreachable(const Endpoint& endpoint, const Error& error) {
  if (error.code() == ErrorCode::DeadlineExceeded) {
    return problem_error(problem::kNoAnswerInTime, fmt::format("Virga at {} did not answer in time", endpoint.url));
  }
  // "connect to ADDRESS: Connection refused": the address is in the sentence already.
  auto colon = error.message().rfind(": ");
  auto why = colon == std::string::npos ? error.message() : error.message().substr(colon + 2);
  if (!why.empty()) why[0] = to_lower(why)[0];
  return problem_error(problem::kNotReached,
                       fmt::format("cannot reach Virga at {}: {}. Start it with: virga dev", endpoint.url, why));
}

Error no_key_fits(const Client::Options& options, const Error& last) {
  std::string tried;
  for (const auto& one : options.credentials) tried += (tried.empty() ? "" : ", ") + one.origin;
  return problem_error(problem::kKeyRefused,
                       fmt::format("{} takes no key of {}: {}", options.endpoint.url, tried, last.message()));
}

}  // namespace

Client::Client(io::Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), connection_(loop, options_.endpoint.address, options_.endpoint.port) {}

io::Task<Result<http::ClientResponse>> Client::send(http::ClientRequest request, io::Deadline deadline) {
  while (true) {
    const auto& key = options_.credentials[current_];
    auto one = request;
    one.fields.emplace_back("Host", options_.endpoint.host);
    dialects::aws::SigV4Credentials credentials{key.id, key.secret.reveal(), key.session_token, options_.region};
    const auto* service = request.target.starts_with("/_virga/") ? "virga" : "lambda";
    auto rules = dialects::aws::sigv4_rules(service);
    VIRGA_CO_TRY(dialects::aws::sigv4_sign(one, credentials, rules, loop_.clock().wall()));
    auto response = co_await connection_.send(std::move(one), deadline);
    if (!response) {
      auto code = response.error().code();
      if (code != ErrorCode::Unavailable && code != ErrorCode::DeadlineExceeded) co_return response;
      co_return fail(unreachable(options_.endpoint, response.error()));
    }
    if (response->status < 400) co_return response;
    if (!is_unknown_key(*response)) co_return fail(refusal(*response));
    if (current_ + 1 == options_.credentials.size()) co_return fail(no_key_fits(options_, refusal(*response)));
    ++current_;
  }
}

io::Task<Result<json::value>> Client::call(std::string method, std::string target, std::optional<json::value> body) {
  http::ClientRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  if (body) {
    request.fields.emplace_back("Content-Type", "application/json");
    request.body = json::serialize(*body);
  }
  VIRGA_CO_TRY_ASSIGN(auto response, co_await send(std::move(request), io::Deadline::in(loop_, kCallTime)));
  if (response.body.empty()) co_return json::value();
  boost::system::error_code error;
  auto parsed = json::parse(response.body, error);
  if (error) {
    co_return fail(problem::kNotVirga,
                   fmt::format("{} answers, but not as Virga does: {}", options_.endpoint.url, error.message()));
  }
  co_return std::move(parsed);
}

std::string function_target(std::string_view date, std::string_view name, std::string_view rest) {
  return fmt::format("/{}/functions/{}{}", date, percent_encode(name), rest);
}

std::string text_member(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(name);
  return member == nullptr || !member->is_string() ? std::string() : std::string(member->get_string());
}

std::int64_t number_member(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  const auto* member = object == nullptr ? nullptr : object->if_contains(name);
  return member == nullptr || !member->is_int64() ? 0 : member->get_int64();
}

}  // namespace virga::cli
