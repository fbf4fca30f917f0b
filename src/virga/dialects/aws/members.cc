#include "virga/dialects/aws/members.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "virga/base/encoding.h"
#include "virga/json/cursor.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kShownValue = 200;  // bytes of a wrong value that are repeated in its message

}  // namespace

void Violations::add(std::string_view label, std::string_view value, std::string_view constraint) {
  std::string shown(value.substr(0, kShownValue));
  if (value.size() > kShownValue) shown += "...";
  constraints_.push_back(fmt::format("Value '{}' at '{}' failed to satisfy constraint: {}", shown, label, constraint));
}

void Violations::add_null(std::string_view label) {
  constraints_.push_back(
      fmt::format("Value null at '{}' failed to satisfy constraint: Member must not be null", label));
}

void Violations::add_wrong_type(std::string_view label, std::string_view expected) {
  if (wrong_type_.empty()) wrong_type_ = fmt::format("'{}' must be {}.", label, expected);
}

std::optional<Refusal> Violations::refusal() const {
  if (!wrong_type_.empty()) return serialization_exception(wrong_type_);
  if (constraints_.empty()) return std::nullopt;
  return validation_exception(fmt::format("{} validation error{} detected: {}", constraints_.size(),
                                          constraints_.size() == 1 ? "" : "s", fmt::join(constraints_, "; ")));
}

void check_length(Violations& violations, std::string_view label, std::string_view value, Length length) {
  if (value.size() > length.most) {
    violations.add(label, value, fmt::format("Member must have length less than or equal to {}", length.most));
  } else if (value.size() < length.least) {
    violations.add(label, value, fmt::format("Member must have length greater than or equal to {}", length.least));
  }
}

void check_enumeration(Violations& violations, std::string_view label, std::string_view value,
                       std::span<const std::string_view> allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return;
  violations.add(label, value, fmt::format("Member must satisfy enum value set: [{}]", fmt::join(allowed, ", ")));
}

namespace {

std::optional<std::int64_t> check_range(Violations& violations, std::string_view label, std::int64_t number,
                                        Range range) {
  if (number > range.most) {
    violations.add(label, std::to_string(number),
                   fmt::format("Member must have value less than or equal to {}", range.most));
    return std::nullopt;
  }
  if (number < range.least) {
    violations.add(label, std::to_string(number),
                   fmt::format("Member must have value greater than or equal to {}", range.least));
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::optional<std::int64_t> parse_integer(Violations& violations, std::string_view label, std::string_view text,
                                          Range range) {
  std::int64_t number = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) {
    violations.add_wrong_type(label, "an integer");
    return std::nullopt;
  }
  return check_range(violations, label, number, range);
}

const boost::json::value* Members::find(std::string_view name) const {
  auto value = object_.if_contains(boost::json::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Members::label(std::string_view name) const {
  std::string text(name);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return prefix_.empty() ? text : prefix_ + "." + text;
}

void Members::require(std::string_view name) {
  if (!has(name)) violations_.add_null(label(name));
}

std::optional<std::string> Members::text(std::string_view name, Length length) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  auto string = value->if_string();
  if (string == nullptr) {
    violations_.add_wrong_type(label(name), "a string");
    return std::nullopt;
  }
  std::string text(string->data(), string->size());
  check_length(violations_, label(name), text, length);
  return text;
}

std::optional<std::int64_t> Members::integer(std::string_view name, Range range) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  if (auto number = value->if_int64()) return check_range(violations_, label(name), *number, range);
  // A number without a fraction may be written as 128.0; one that fits no int64 is out of every range here.
  if (auto number = value->if_double()) {
    if (*number >= 1e15) return check_range(violations_, label(name), INT64_MAX, range);
    if (*number <= -1e15) return check_range(violations_, label(name), INT64_MIN, range);
    auto whole = static_cast<std::int64_t>(*number);
    if (static_cast<double>(whole) == *number) return check_range(violations_, label(name), whole, range);
  }
  if (value->is_uint64()) return check_range(violations_, label(name), INT64_MAX, range);
  violations_.add_wrong_type(label(name), "an integer");
  return std::nullopt;
}

std::optional<bool> Members::boolean(std::string_view name) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  if (auto flag = value->if_bool()) return *flag;
  violations_.add_wrong_type(label(name), "true or false");
  return std::nullopt;
}

std::optional<std::string> Members::enumeration(std::string_view name, std::span<const std::string_view> allowed) {
  auto value = text(name, {0, 256});
  if (value) check_enumeration(violations_, label(name), *value, allowed);
  return value;
}

std::optional<std::vector<std::string>> Members::texts(std::string_view name, Length count, Length length) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  auto array = value->if_array();
  if (array == nullptr) {
    violations_.add_wrong_type(label(name), "a list of strings");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const auto& element : *array) {
    auto string = element.if_string();
    if (string == nullptr) {
      violations_.add_wrong_type(label(name), "a list of strings");
      return std::nullopt;
    }
    texts.emplace_back(string->data(), string->size());
    if (texts.size() <= count.most) check_length(violations_, label(name), texts.back(), length);
  }
  if (texts.size() > count.most || texts.size() < count.least) {
    violations_.add(label(name), fmt::format("[{}]", fmt::join(texts, ", ")),
                    texts.size() > count.most
                        ? fmt::format("Member must have length less than or equal to {}", count.most)
                        : fmt::format("Member must have length greater than or equal to {}", count.least));
  }
  return texts;
}

std::optional<std::map<std::string, std::string>> Members::map(std::string_view name) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  auto object = value->if_object();
  if (object == nullptr) {
    violations_.add_wrong_type(label(name), "an object of strings");
    return std::nullopt;
  }
  std::map<std::string, std::string> entries;
  for (const auto& member : *object) {
    auto string = member.value().if_string();
    if (string == nullptr) {
      violations_.add_wrong_type(label(name), "an object of strings");
      return std::nullopt;
    }
    std::string key(member.key().data(), member.key().size());
    entries.emplace(std::move(key), std::string(string->data(), string->size()));
  }
  return entries;
}

std::optional<std::string> Members::blob(std::string_view name) {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  auto string = value->if_string();
  if (string == nullptr) {
    violations_.add_wrong_type(label(name), "a Base64 string");
    return std::nullopt;
  }
  auto bytes = from_base64(std::string_view(string->data(), string->size()));
  if (bytes) return std::move(*bytes);
  violations_.add_wrong_type(label(name), "Base64 (" + bytes.error().message() + ")");
  return std::nullopt;
}

const boost::json::object* Members::object(std::string_view name) {
  auto value = find(name);
  if (value == nullptr) return nullptr;
  auto object = value->if_object();
  if (object == nullptr) violations_.add_wrong_type(label(name), "an object");
  return object;
}

std::optional<std::string> Members::raw(std::string_view name) const {
  auto value = find(name);
  if (value == nullptr) return std::nullopt;
  return boost::json::serialize(*value);
}

Answer<boost::json::object> parse_body(std::string_view body) {
  if (trim(body).empty()) return boost::json::object();
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::error_code problem;
  auto value = boost::json::parse(boost::json::string_view(body.data(), body.size()), problem, {}, options);
  if (problem) {
    // Boost says "syntax error"; the cursor says what and where.
    auto checked = json::validate(body);
    std::string detail = checked ? problem.message() : checked.error().message();
    return std::unexpected(invalid_request_content("Could not parse request body into json: " + detail + "."));
  }
  if (!value.is_object()) {
    return std::unexpected(serialization_exception("The request body must be a JSON object."));
  }
  return std::move(value.get_object());
}

}  // namespace virga::dialects::aws
