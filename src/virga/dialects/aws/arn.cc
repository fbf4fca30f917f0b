#include "virga/dialects/aws/arn.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace virga::dialects::aws {
namespace {

constexpr std::string_view kNamePattern =
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)"
    "(:(\\$LATEST|[a-zA-Z0-9-_]+))?";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_account(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, is_digit);
}

// "us-east-1", "us-gov-west-1": letters and dashes, then one digit.
bool is_region(std::string_view text) {
  if (text.size() < 6 || !is_digit(text.back()) || text[text.size() - 2] != '-' || text[2] != '-') return false;
  return std::ranges::all_of(text.substr(0, text.size() - 1),
                             [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_qualifier(std::string_view text) {
  return text == "$LATEST" || is_name(text);
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
  });
}

void check_function_name(Violations& violations, std::string_view name) {
  check_length(violations, "functionName", name, {1, 64});
  if (!name.empty() && !is_name(name)) {
    violations.add("functionName", name,
                   fmt::format("Member must satisfy regular expression pattern: {}", kNamePattern));
  }
}

Answer<FunctionReference> parse_function_reference(std::string_view text, std::optional<std::string_view> qualifier) {
  Violations violations;
  auto parts = split(text, ':');
  std::size_t next = 0;
  bool wrong = text.size() > 256;
  if (parts[0] == "arn") {
    // arn:partition:lambda:region:account:function:name
    wrong = wrong || parts.size() < 7 || parts[2] != "lambda" || parts[5] != "function";
    next = 6;
  } else {
    auto more = [&] { return next + 1 < parts.size(); };
    if (more() && is_region(parts[next])) ++next;
    if (more() && is_account(parts[next])) ++next;
    if (more() && parts[next] == "function") ++next;
  }
  wrong = wrong || parts.size() < next + 1 || parts.size() > next + 2;
  std::string_view named_qualifier = !wrong && parts.size() == next + 2 ? parts[next + 1] : std::string_view();
  if (!wrong && parts.size() == next + 2 && !is_qualifier(named_qualifier)) wrong = true;
  if (wrong) {
    violations.add("functionName", text,
                   fmt::format("Member must satisfy regular expression pattern: {}", kNamePattern));
    return std::unexpected(*violations.refusal());
  }
  check_function_name(violations, parts[next]);
  if (qualifier && !qualifier->empty()) {
    check_length(violations, "qualifier", *qualifier, {1, 128});
    if (!is_qualifier(*qualifier)) {
      violations.add("qualifier", *qualifier, "Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)");
    }
  }
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  if (qualifier && !qualifier->empty()) {
    if (!named_qualifier.empty() && named_qualifier != *qualifier) {
      return std::unexpected(invalid_parameter(
          fmt::format("The derived qualifier from the function name ({}) does not match the specified qualifier ({}).",
                      named_qualifier, *qualifier)));
    }
    named_qualifier = *qualifier;
  }
  return FunctionReference{model::FunctionName(std::string(parts[next])), std::string(named_qualifier)};
}

std::optional<LayerReference> parse_layer_reference(std::string_view text) {
  LayerReference reference;
  if (!text.starts_with("arn:")) {
    if (!is_name(text) || text.size() > 64) return std::nullopt;
    reference.name = model::LayerName(std::string(text));
    return reference;
  }
  auto parts = split(text, ':');  // arn:partition:lambda:region:account:layer:name[:version]
  if (parts.size() < 7 || parts.size() > 8 || parts[2] != "lambda" || parts[5] != "layer") return std::nullopt;
  if (!is_name(parts[6]) || parts[6].size() > 64) return std::nullopt;
  reference.name = model::LayerName(std::string(parts[6]));
  if (parts.size() == 8) {
    std::uint64_t version = 0;
    auto [end, problem] = std::from_chars(parts[7].data(), parts[7].data() + parts[7].size(), version);
    if (problem != std::errc() || end != parts[7].data() + parts[7].size() || version == 0) return std::nullopt;
    reference.version = version;
  }
  return reference;
}

std::string function_arn(const Account& account, const model::FunctionName& name, std::string_view qualifier) {
  std::string arn;
  arn.reserve(64 + name.text().size() + qualifier.size());
  arn.append("arn:aws:lambda:").append(account.region).append(":").append(account.id).append(":function:");
  arn.append(name.text());
  if (!qualifier.empty()) arn.append(":").append(qualifier);
  return arn;
}

std::string layer_arn(const Account& account, const model::LayerName& name) {
  return fmt::format("arn:aws:lambda:{}:{}:layer:{}", account.region, account.id, name.text());
}

std::string layer_arn(const Account& account, const model::LayerRef& layer) {
  return fmt::format("{}:{}", layer_arn(account, layer.layer), layer.version);
}

}  // namespace virga::dialects::aws
