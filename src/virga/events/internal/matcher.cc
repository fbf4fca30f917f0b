#include "virga/events/internal/matcher.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"

namespace virga::events::internal {
namespace {

using Json = json::Value::Kind;

constexpr double kLargest = 5.0e9;  // of the numbers that EventBridge compares

std::unexpected<Error> refuse(std::string reason) {
  return fail(ErrorCode::InvalidArgument, std::move(reason));
}

}  // namespace

bool Matcher::is_operator(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames = {"prefix", "suffix",  "equals-ignore-case", "anything-but",
                                                      "exists", "numeric", "wildcard",           "cidr"};
  return std::ranges::find(kNames, name) != kNames.end();
}

Result<Matcher> Matcher::compile(const json::Value& entry) {
  Matcher matcher;
  switch (entry.kind) {
    case Json::Null:
      return matcher;
    case Json::Bool:
      matcher.kind_ = entry.flag ? Kind::True : Kind::False;
      return matcher;
    case Json::String:
      matcher.kind_ = Kind::Text;
      matcher.text_ = entry.text;
      return matcher;
    case Json::Number:
      matcher.kind_ = Kind::Number;
      matcher.number_ = entry.number;
      matcher.written_ = entry.raw;
      return matcher;
    case Json::Array:
      return refuse("Match value must be String, number, true, false, or null");
    case Json::Object:
      break;
  }
  if (entry.members.empty()) return refuse("Empty objects are not allowed");
  if (entry.members.size() > 1) return refuse("Only one key allowed in match expression");
  return compile_operator(entry.members[0].first, entry.members[0].second);
}

Result<Matcher> Matcher::compile_operator(std::string_view name, const json::Value& value) {
  if (name == "prefix") return compile_text(Kind::Prefix, name, value);
  if (name == "suffix") return compile_text(Kind::Suffix, name, value);
  if (name == "equals-ignore-case") {
    if (!value.is(Json::String)) return refuse("equals-ignore-case match pattern must be a string");
    Matcher matcher;
    matcher.kind_ = Kind::Equal;
    matcher.ignores_case_ = true;
    matcher.text_ = to_lower(value.text);
    return matcher;
  }
  if (name == "anything-but") return compile_anything_but(value);
  if (name == "numeric") return compile_numeric(value);
  if (name == "wildcard") return compile_wildcard(value);
  if (name == "cidr") return compile_cidr(value);
  if (name == "exists") {
    if (!value.is(Json::Bool)) return refuse("exists match pattern must be either true or false.");
    Matcher matcher;
    matcher.kind_ = value.flag ? Kind::Present : Kind::Absent;
    return matcher;
  }
  return refuse(fmt::format("Unrecognized match type {}", name));
}

// {"prefix": "a"} or {"prefix": {"equals-ignore-case": "a"}}.
Result<Matcher> Matcher::compile_text(Kind kind, std::string_view name, const json::Value& value) {
  Matcher matcher;
  matcher.kind_ = kind;
  const auto* text = &value;
  if (value.is(Json::Object)) {
    text = value.find("equals-ignore-case");
    if (text == nullptr || value.members.size() != 1) {
      return refuse(fmt::format("Unsupported pattern inside {}: only equals-ignore-case is allowed", name));
    }
    matcher.ignores_case_ = true;
  }
  if (!text->is(Json::String)) return refuse(fmt::format("{} match pattern must be a string", name));
  matcher.text_ = matcher.ignores_case_ ? to_lower(text->text) : text->text;
  return matcher;
}

// ["=", 5], ["<", 10], [">", 0, "<=", 5].
Result<Matcher> Matcher::compile_numeric(const json::Value& value) {
  if (!value.is(Json::Array)) return refuse("Value of numeric must be an array.");
  const auto& parts = value.elements;
  if (parts.empty()) return refuse("Invalid member in numeric match: ]");
  if (parts.size() > 4) return refuse("Too many elements in numeric expression");
  Matcher matcher;
  matcher.kind_ = Kind::Numeric;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    if (!parts[i].is(Json::String)) return refuse(fmt::format("Invalid member in numeric match: {}", parts[i].raw));
    const auto& sign = parts[i].text;
    bool is_equal = sign == "=";
    if (!is_equal && sign != "<" && sign != "<=" && sign != ">" && sign != ">=") {
      return refuse(fmt::format("Unrecognized numeric range operator: {}", sign));
    }
    if (i + 1 == parts.size() || !parts[i + 1].is(Json::Number)) {
      return refuse(is_equal ? "Value of equals must be numeric." : fmt::format("Value of {} must be numeric.", sign));
    }
    double number = parts[i + 1].number;
    if (number > kLargest || number < -kLargest) {
      return refuse(fmt::format("Value must be between -5.0E9 and 5.0E9, inclusive; it is {}", parts[i + 1].raw));
    }
    if (is_equal) {
      if (parts.size() != 2) return refuse("Too many terms in numeric range expression");
      matcher.bounds_ = {{false, true, number}, {true, true, number}};
      return matcher;
    }
    matcher.bounds_.push_back({sign[0] == '<', sign.size() == 2, number});
  }
  if (matcher.bounds_.size() == 2) {
    if (matcher.bounds_[0].is_upper || !matcher.bounds_[1].is_upper)
      return refuse("Bad numeric range operator: " + parts[2].text);
    if (matcher.bounds_[0].number >= matcher.bounds_[1].number) return refuse("Bottom must be less than top");
  }
  return matcher;
}

// A star stands for any bytes, none too; \* is a star and \\ a backslash.
Result<Matcher> Matcher::compile_wildcard(const json::Value& value) {
  if (!value.is(Json::String)) return refuse("wildcard match pattern must be a string");
  Matcher matcher;
  matcher.kind_ = Kind::Wildcard;
  matcher.pieces_.emplace_back();
  const auto& text = value.text;
  bool was_star = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') {
      if (was_star) return refuse(fmt::format("Consecutive wildcard characters at pos {}", i - 1));
      was_star = true;
      matcher.pieces_.emplace_back();
      continue;
    }
    was_star = false;
    if (text[i] == '\\') {
      if (i + 1 == text.size() || (text[i + 1] != '*' && text[i + 1] != '\\')) {
        return refuse(fmt::format("Invalid escape character at pos {}", i));
      }
      ++i;
    }
    matcher.pieces_.back() += text[i];
  }
  return matcher;
}

Result<Matcher> Matcher::compile_cidr(const json::Value& value) {
  if (!value.is(Json::String)) return refuse("prefix match pattern must be a string");
  auto slash = value.text.find('/');
  if (slash == std::string::npos || value.text.find('/', slash + 1) != std::string::npos) {
    return refuse("Malformed CIDR, one '/' required");
  }
  Matcher matcher;
  matcher.kind_ = Kind::Cidr;
  auto& network = matcher.network_;
  auto address = value.text.substr(0, slash);
  network.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(network.family, address.c_str(), network.address.data()) != 1) {
    return refuse("Malformed CIDR, illegal IP address: " + address);
  }
  std::string_view bits = std::string_view(value.text).substr(slash + 1);
  auto [end, problem] = std::from_chars(bits.data(), bits.data() + bits.size(), network.bits);
  if (problem != std::errc() || end != bits.data() + bits.size()) {
    return refuse("Malformed CIDR, mask bits must be an integer");
  }
  unsigned most = network.family == AF_INET ? 32 : 128;
  if (network.bits > most) return refuse(fmt::format("Malformed CIDR, mask bits must not be more than {}", most));
  return matcher;
}

Result<Matcher> Matcher::compile_anything_but(const json::Value& value) {
  Matcher matcher;
  matcher.kind_ = Kind::AnythingBut;
  auto add = [&](const json::Value& one) -> Result<> {
    if (!one.is(Json::String) && !one.is(Json::Number)) {
      return refuse("Inside anything but list, start|null|boolean is not supported.");
    }
    VIRGA_TRY_ASSIGN(auto forbidden, compile(one));
    matcher.forbidden_.push_back(std::move(forbidden));
    return {};
  };
  if (value.is(Json::Array)) {
    if (value.elements.empty()) return refuse("Empty lists are not allowed");
    for (const auto& element : value.elements) {
      VIRGA_TRY(add(element));
      if (element.kind != value.elements[0].kind) {
        return refuse("Inside anything but list, either all values are number or string, mixed type is not supported");
      }
    }
    return matcher;
  }
  if (!value.is(Json::Object)) {
    VIRGA_TRY(add(value));
    return matcher;
  }
  if (value.members.size() != 1) return refuse("Only one key allowed in match expression");
  const auto& [name, inner] = value.members[0];
  if (name != "prefix" && name != "suffix" && name != "equals-ignore-case" && name != "wildcard") {
    return refuse(fmt::format("Unsupported anything-but pattern: {}", name));
  }
  if (inner.is(Json::Array) && inner.elements.empty()) return refuse("Empty lists are not allowed");
  std::vector<json::Value> alone;
  if (!inner.is(Json::Array)) alone.push_back(inner);
  for (const auto& one : inner.is(Json::Array) ? inner.elements : alone) {
    VIRGA_TRY_ASSIGN(auto forbidden, compile_operator(name, one));
    if (forbidden.text_.empty() && forbidden.pieces_.empty()) {
      return refuse(fmt::format("Null prefix/suffix not allowed in anything-but {}", name));
    }
    matcher.forbidden_.push_back(std::move(forbidden));
  }
  return matcher;
}

bool Matcher::matches(const json::Value& value) const {
  switch (kind_) {
    case Kind::Null:
      return value.is(Json::Null);
    case Kind::True:
      return value.is(Json::Bool) && value.flag;
    case Kind::False:
      return value.is(Json::Bool) && !value.flag;
    case Kind::Number: {
      if (!value.is(Json::Number)) return false;
      json::Value mine;
      mine.number = number_;
      mine.raw = written_;
      return json::same_number(mine, value);
    }
    case Kind::Numeric:
      return value.is(Json::Number) && std::ranges::all_of(bounds_, [&](const Bound& bound) {
               if (value.number == bound.number) return bound.is_inclusive;
               return (value.number < bound.number) == bound.is_upper;
             });
    case Kind::Present:
      return true;
    case Kind::Absent:
      return false;
    case Kind::AnythingBut:
      return std::ranges::none_of(forbidden_, [&](const Matcher& one) { return one.matches(value); });
    default:
      return value.is(Json::String) && matches_text(value.text);
  }
}

bool Matcher::matches_text(std::string_view text) const {
  std::string lower;
  if (ignores_case_) {
    lower = to_lower(text);
    text = lower;
  }
  switch (kind_) {
    case Kind::Text:
    case Kind::Equal:
      return text == text_;
    case Kind::Prefix:
      return text.starts_with(text_);
    case Kind::Suffix:
      return text.ends_with(text_);
    case Kind::Wildcard:
      return matches_wildcard(text);
    case Kind::Cidr:
      return matches_cidr(text);
    default:
      return false;
  }
}

// The first piece stands at the start and the last one at the end; each of the others where it is first found.
bool Matcher::matches_wildcard(std::string_view text) const {
  if (pieces_.size() == 1) return text == pieces_[0];
  if (!text.starts_with(pieces_.front())) return false;
  text.remove_prefix(pieces_.front().size());
  if (!text.ends_with(pieces_.back())) return false;
  text.remove_suffix(pieces_.back().size());
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    auto at = text.find(pieces_[i]);
    if (at == text.npos) return false;
    text.remove_prefix(at + pieces_[i].size());
  }
  return true;
}

bool Matcher::matches_cidr(std::string_view text) const {
  std::array<std::uint8_t, 16> address{};
  if (::inet_pton(network_.family, std::string(text).c_str(), address.data()) != 1) return false;
  auto whole = network_.bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole, network_.address.begin())) return false;
  auto rest = network_.bits % 8;
  if (rest == 0) return true;
  auto differing = static_cast<unsigned>(address[whole] ^ network_.address[whole]);
  return (differing >> (8 - rest)) == 0;
}

}  // namespace virga::events::internal
