#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Resource policies: who may call a function. They are kept and given back; Virga has one account, whose keys may do
// everything, so nothing is decided by them yet.
namespace virga::dialects::aws::lambda {
namespace {

constexpr std::size_t kMaxPolicy = 20480;  // bytes (AWS Lambda quotas)

catalog::AttachmentKey key_of(const FunctionReference& function) {
  return {"policy", function.qualifier == "$LATEST" ? std::string() : function.qualifier};
}

// A UUID's shape made of the text's digest: it changes exactly when the policy does.
std::string revision_of(std::string_view policy) {
  std::string digest = to_hex(sha256(policy));
  return fmt::format("{}-{}-{}-{}-{}", digest.substr(0, 8), digest.substr(8, 4), digest.substr(12, 4),
                     digest.substr(16, 4), digest.substr(20, 12));
}

boost::json::object read_policy(std::string_view text) {
  boost::json::error_code problem;
  auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), problem);
  if (!problem && value.is_object()) return std::move(value.get_object());
  return {{"Version", "2012-10-17"}, {"Id", "default"}, {"Statement", boost::json::array()}};
}

boost::json::array& statements_of(boost::json::object& policy) {
  return policy["Statement"].is_array() ? policy["Statement"].get_array() : policy["Statement"].emplace_array();
}

boost::json::array::iterator find_statement(boost::json::array& statements, std::string_view id) {
  return std::ranges::find_if(statements, [&](const boost::json::value& statement) {
    auto sid = statement.is_object() ? statement.get_object().if_contains("Sid") : nullptr;
    return sid != nullptr && sid->is_string() && std::string_view(sid->get_string()) == id;
  });
}

boost::json::value principal_of(const std::string& principal) {
  if (principal == "*") return boost::json::value("*");
  bool account = principal.size() == 12 && principal.find_first_not_of("0123456789") == std::string::npos;
  if (account) return boost::json::object{{"AWS", "arn:aws:iam::" + principal + ":root"}};
  if (principal.starts_with("arn:")) return boost::json::object{{"AWS", principal}};
  return boost::json::object{{"Service", principal}};
}

// The statement that AddPermission's members describe.
Answer<boost::json::object> read_statement(Members& members) {
  for (std::string_view name : {"StatementId", "Action", "Principal"}) members.require(name);
  std::string id = members.text("StatementId", {1, 100}).value_or("");
  if (!id.empty() && !is_name(id)) {
    members.violations().add("statementId", id, "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)");
  }
  std::string action = members.text("Action", {0, 256}).value_or("");
  if (members.has("Action") && action != "*" && !action.starts_with("lambda:")) {
    members.violations().add("action", action,
                             "Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])");
  }
  std::string principal = members.text("Principal", {0, 2048}).value_or("");
  boost::json::object equals, like;
  if (auto arn = members.text("SourceArn", {0, 10000})) like["AWS:SourceArn"] = *arn;
  if (auto account = members.text("SourceAccount", {0, 12})) equals["AWS:SourceAccount"] = *account;
  if (auto token = members.text("EventSourceToken", {0, 256})) equals["lambda:EventSourceToken"] = *token;
  if (auto auth = members.text("FunctionUrlAuthType", {0, 16})) equals["lambda:FunctionUrlAuthType"] = *auth;
  if (auto organization = members.text("PrincipalOrgID", {12, 34})) equals["aws:PrincipalOrgID"] = *organization;
  if (auto refusal = members.violations().refusal()) return std::unexpected(*std::move(refusal));
  boost::json::object statement{
      {"Sid", id}, {"Effect", "Allow"}, {"Principal", principal_of(principal)}, {"Action", action}};
  boost::json::object condition;
  if (!equals.empty()) condition["StringEquals"] = equals;
  if (!like.empty()) condition["ArnLike"] = like;
  if (!condition.empty()) statement["Condition"] = condition;
  return statement;
}

// Reads the policy, lets `edit` change its statements, and writes it back, with nobody else in between.
using Edit = std::function<Result<>(boost::json::array& statements)>;
io::Task<Result<>> edit_policy(Call call, FunctionReference function, std::optional<std::string> revision, Edit edit) {
  std::mutex& policies = call.services().policies;
  std::function<Result<>(catalog::Catalog&)> change = [&policies, function, revision,
                                                       edit](catalog::Catalog& catalog) -> Result<> {
    std::lock_guard lock(policies);
    VIRGA_TRY_ASSIGN(catalog::FunctionPointer entry, catalog.function(function.name));
    auto place = entry->attachments.find(key_of(function));
    std::string text = place == entry->attachments.end() ? std::string() : place->second;
    if (revision && *revision != revision_of(text)) {
      return fail(ErrorCode::PreconditionFailed,
                  "The RevisionId provided does not match the latest RevisionId. Call GetPolicy for the current one.");
    }
    auto policy = read_policy(text);
    boost::json::array& statements = statements_of(policy);
    VIRGA_TRY(edit(statements));
    std::optional<std::string> written;
    if (!statements.empty()) written = boost::json::serialize(policy);
    if (written && written->size() > kMaxPolicy) {
      return fail(ErrorCode::InvalidArgument,
                  fmt::format("The final policy size ({}) is bigger than the limit ({}). Remove a statement first.",
                              written->size(), kMaxPolicy));
    }
    return catalog.attach(function.name, key_of(function), std::move(written));
  };
  auto changed = co_await call.mutate<void>(std::move(change));
  co_return changed;
}

}  // namespace

io::Task<http::Response> add_permission(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  auto revision = members.text("RevisionId", {0, 256});
  VIRGA_OR_RESPOND(auto statement, read_statement(members));
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  statement["Resource"] = function_arn(call.account(), function.name, function.qualifier);
  std::string id(statement["Sid"].get_string());
  Edit edit = [statement, id](boost::json::array& statements) -> Result<> {
    if (find_statement(statements, id) != statements.end()) {
      return fail(ErrorCode::Conflict,
                  fmt::format("The statement id ({}) provided already exists. Please provide a new "
                              "statement id, or remove the existing statement.",
                              id));
    }
    statements.emplace_back(statement);
    return {};
  };
  auto changed = co_await edit_policy(call, function, revision, std::move(edit));
  if (!changed) co_return respond(changed.error());
  std::string body;
  json::Object(body).add("Statement", boost::json::serialize(statement));
  co_return json_response(201, std::move(body));
}

io::Task<http::Response> remove_permission(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  std::string id = call.segment(1);
  std::optional<std::string> revision;
  Query query = call.query();
  if (auto given = query.find("RevisionId")) revision = *given;
  Edit edit = [id](boost::json::array& statements) -> Result<> {
    auto place = find_statement(statements, id);
    if (place == statements.end()) {
      return fail(ErrorCode::NotFound, fmt::format("Statement {} is not found in resource policy.", id));
    }
    statements.erase(place);
    return {};
  };
  auto changed = co_await edit_policy(call, function, revision, std::move(edit));
  if (!changed) co_return respond(changed.error());
  co_return no_content();
}

io::Task<http::Response> get_policy(Call call) {
  VIRGA_OR_RESPOND(FunctionReference function, call.function());
  VIRGA_OR_RESPOND(catalog::Resolved resolved, resolve(call, function));
  const auto& attachments = resolved.function->attachments;
  auto place = attachments.find(key_of(function));
  if (place == attachments.end()) {
    co_return respond(not_found("The resource you requested does not exist."));
  }
  std::string body;
  json::Object(body).add("Policy", place->second).add("RevisionId", revision_of(place->second));
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
