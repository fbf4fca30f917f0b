#include "virga/dialects/aws/s3/policy.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/conditions.h"
#include "virga/dialects/aws/s3/errors.h"

namespace virga::dialects::aws::s3 {
namespace {

namespace json = boost::json;

// Fields that need no condition.
constexpr std::array<std::string_view, 6> kFree = {"x-amz-signature", "signature", "awsaccesskeyid",
                                                   "policy",          "file",      "bucket"};

std::unexpected<Refusal> wrong(std::string_view what) {
  return refuse(
      400, "InvalidPolicyDocument",
      "The content of the form does not meet the conditions specified in the policy document: " + std::string(what));
}
std::unexpected<Refusal> denied(std::string what) {
  return refuse(403, "AccessDenied", "Invalid according to Policy: " + std::move(what));
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

bool read_size(const json::value& value, std::uint64_t& size) {
  if (value.is_int64() && value.get_int64() >= 0) {
    size = static_cast<std::uint64_t>(value.get_int64());
    return true;
  }
  auto text = text_of(value);
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return false;
  size = std::stoull(text);
  return true;
}

Answer<bool> read_list(const json::array& list, FormPolicy& policy) {
  if (list.size() != 3) return wrong("a condition has not three parts");
  auto kind = to_lower(text_of(list[0]));
  if (kind == "content-length-range") {
    if (!read_size(list[1], policy.least) || !read_size(list[2], policy.most)) return wrong("a size is no number");
    return true;
  }
  auto field = text_of(list[1]);
  if ((kind != "eq" && kind != "starts-with") || !field.starts_with('$')) return wrong("a condition is not understood");
  if (!list[2].is_string()) return wrong("a condition's value is no text");
  auto what = kind == "eq" ? FormPolicy::Condition::Kind::Equals : FormPolicy::Condition::Kind::StartsWith;
  policy.conditions.push_back({what, to_lower(field.substr(1)), text_of(list[2])});
  return true;
}

}  // namespace

Answer<FormPolicy> read_policy(std::string_view text, WallTime now) {
  json::error_code problem;
  auto document = json::parse(json::string_view(text.data(), text.size()), problem);
  if (problem || !document.is_object()) return wrong("the policy is no JSON object");
  const auto& object = document.get_object();
  const auto* expiration = object.if_contains("expiration");
  auto until = expiration == nullptr ? std::nullopt : parse_http_date(text_of(*expiration));
  if (!until) return wrong("its expiration is no time");
  if (*until <= now) return denied("Policy expired.");
  const auto* conditions = object.if_contains("conditions");
  if (conditions == nullptr || !conditions->is_array()) return wrong("it has no conditions");
  FormPolicy policy;
  for (const auto& condition : conditions->get_array()) {
    if (condition.is_array()) {
      VIRGA_OR_REFUSE([[maybe_unused]] bool good, read_list(condition.get_array(), policy));
    } else if (condition.is_object() && !condition.get_object().empty()) {
      for (const auto& member : condition.get_object()) {
        if (!member.value().is_string()) return wrong("a condition's value is no text");
        std::string_view name(member.key().data(), member.key().size());
        policy.conditions.push_back({FormPolicy::Condition::Kind::Equals, to_lower(name), text_of(member.value())});
      }
    } else {
      return wrong("a condition is neither an object nor an array");
    }
  }
  return policy;
}

Answer<bool> check_policy(const FormPolicy& policy, const std::map<std::string, std::string>& fields) {
  for (const auto& condition : policy.conditions) {
    auto found = fields.find(condition.field);
    auto value = found == fields.end() ? std::string() : found->second;
    bool holds = condition.kind == FormPolicy::Condition::Kind::Equals ? value == condition.value
                                                                       : value.starts_with(condition.value);
    if (!holds) return denied("Policy Condition failed: $" + condition.field + " must fit '" + condition.value + "'");
  }
  for (const auto& [name, value] : fields) {
    bool is_free = std::ranges::find(kFree, name) != kFree.end() || name.starts_with("x-ignore-") ||
                   name.starts_with("x-amz-checksum-");
    bool is_named = std::ranges::any_of(policy.conditions, [&](const auto& one) { return one.field == name; });
    if (!is_free && !is_named) return denied("Extra input fields: " + name);
  }
  return true;
}

}  // namespace virga::dialects::aws::s3
