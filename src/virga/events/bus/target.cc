#include "virga/events/bus/target.h"

#include <charconv>
#include <optional>
#include <variant>
#include <vector>

#include "virga/events/internal/hand_over.h"
#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace virga::events {
namespace {

using Kind = json::Value::Kind;
using Step = std::variant<std::string_view, std::size_t>;

constexpr std::size_t kMostPaths = 100;
constexpr std::string_view kVariableLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

// The steps of a path, or nothing if it is none.
std::optional<std::vector<Step>> steps_of(std::string_view path) {
  if (!path.starts_with('$')) return std::nullopt;
  path.remove_prefix(1);
  std::vector<Step> steps;
  while (!path.empty()) {
    if (path.starts_with("['") || path.starts_with("[\"")) {
      auto end = path.find(path.substr(1, 1).front() == '\'' ? "']" : "\"]", 2);
      if (end == path.npos) return std::nullopt;
      steps.emplace_back(path.substr(2, end - 2));
      path.remove_prefix(end + 2);
    } else if (path.starts_with('[')) {
      auto end = path.find(']');
      if (end == path.npos) return std::nullopt;
      std::size_t index = 0;
      auto digits = path.substr(1, end - 1);
      auto [rest, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
      if (problem != std::errc() || rest != digits.data() + digits.size()) return std::nullopt;
      steps.emplace_back(index);
      path.remove_prefix(end + 1);
    } else if (path.starts_with('.')) {
      path.remove_prefix(1);
      auto name = path.substr(0, path.find_first_of(".["));
      if (name.empty()) return std::nullopt;
      steps.emplace_back(name);
      path.remove_prefix(name.size());
    } else {
      return std::nullopt;
    }
  }
  return steps;
}

Result<> read_text(const json::Value& object, std::string_view name, std::string& place) {
  const auto* value = object.find(name);
  if (value == nullptr || value->is(Kind::Null)) return {};
  if (!value->is(Kind::String)) return fail(ErrorCode::InvalidArgument, std::string(name) + " must be a string");
  place = value->text;
  return {};
}

// The event without its detail, for <aws.events.event>.
std::string without_detail(const json::Value& event) {
  std::string text;
  {
    json::Object object(text);
    for (const auto& [name, value] : event.members) {
      if (name != "detail") object.add_raw(name, value.raw);
    }
  }
  return text;
}

// What stands in the place of a variable. Between quotes it is a part of a text; elsewhere a JSON value.
void append_value(std::string& out, const json::Value& value, bool is_quoted) {
  if (!is_quoted) {
    out += value.raw;
  } else {
    json::append_escaped(out, value.is(Kind::String) ? std::string_view(value.text) : value.raw);
  }
}

void append_text(std::string& out, std::string_view text, bool is_quoted) {
  is_quoted ? json::append_escaped(out, text) : json::append_string(out, text);
}

}  // namespace

bool is_path(std::string_view path) {
  return steps_of(path).has_value();
}

const json::Value* find_path(const json::Value& document, std::string_view path) {
  auto steps = steps_of(path);
  if (!steps) return nullptr;
  const auto* value = &document;
  for (const auto& step : *steps) {
    if (const auto* name = std::get_if<std::string_view>(&step)) {
      value = value->find(*name);
    } else {
      auto index = std::get<std::size_t>(step);
      value = index < value->elements.size() ? &value->elements[index] : nullptr;
    }
    if (value == nullptr) return nullptr;
  }
  return value;
}

Result<RuleTarget> RuleTarget::read(std::string_view text) {
  VIRGA_TRY_ASSIGN(auto object, json::parse(text));
  RuleTarget target;
  target.raw = text;
  VIRGA_TRY(read_text(object, "Id", target.id));
  VIRGA_TRY(read_text(object, "Arn", target.arn));
  VIRGA_TRY(read_text(object, "Input", target.input));
  VIRGA_TRY(read_text(object, "InputPath", target.input_path));
  if (target.id.empty() || target.arn.empty()) return fail(ErrorCode::InvalidArgument, "A target has an Id and an Arn");
  if (const auto* letters = object.find("DeadLetterConfig")) VIRGA_TRY(read_text(*letters, "Arn", target.dead_letters));
  VIRGA_TRY_ASSIGN(target.max_age, internal::read_max_age(object));
  if (const auto* queue = object.find("SqsParameters")) VIRGA_TRY(read_text(*queue, "MessageGroupId", target.group));
  if (const auto* transformer = object.find("InputTransformer")) {
    VIRGA_TRY(read_text(*transformer, "InputTemplate", target.input_template));
    if (target.input_template.empty()) return fail(ErrorCode::InvalidArgument, "InputTemplate must not be empty");
    const auto* paths = transformer->find("InputPathsMap");
    for (const auto& [name, value] : paths == nullptr ? decltype(object.members)() : paths->members) {
      if (!value.is(Kind::String) || !is_path(value.text)) {
        return fail(ErrorCode::InvalidArgument, "Invalid path in InputPathsMap: " + name);
      }
      if (name.starts_with("aws.")) {
        return fail(ErrorCode::InvalidArgument, "A key of InputPathsMap must not begin with 'aws.': " + name);
      }
      target.paths.emplace(name, value.text);
    }
    if (target.paths.size() > kMostPaths)
      return fail(ErrorCode::InvalidArgument, "InputPathsMap takes at most 100 keys");
  }
  if (!target.input.empty() && !json::parse(target.input)) {
    return fail(ErrorCode::InvalidArgument, "JSON syntax error in input for target " + target.id);
  }
  if (!target.input_path.empty() && !is_path(target.input_path)) {
    return fail(ErrorCode::InvalidArgument, "Invalid InputPath for target " + target.id);
  }
  int ways =
      (target.input.empty() ? 0 : 1) + (target.input_path.empty() ? 0 : 1) + (target.input_template.empty() ? 0 : 1);
  if (ways > 1) {
    return fail(ErrorCode::InvalidArgument,
                "Only one of Input, InputPath, or InputTransformer must be provided for target " + target.id + ".");
  }
  return target;
}

std::string RuleTarget::make_input(const Match& match) const {
  if (!input.empty()) return input;
  if (!input_path.empty()) {
    const auto* part = find_path(match.event, input_path);
    return part == nullptr ? "null" : std::string(part->raw);
  }
  if (input_template.empty()) return std::string(match.event.raw);
  auto out = fill_template(match, Form::Json);
  // A template that makes no JSON is a text.
  return json::validate(out) ? out : '"' + fill_template(match, Form::Text) + '"';
}

std::string RuleTarget::fill_template(const Match& match, Form form) const {
  std::string out;
  bool is_text = form == Form::Text;
  bool is_quoted = is_text;
  std::string_view rest = input_template;
  while (!rest.empty()) {
    char c = rest.front();
    if (c == '\\' && rest.size() > 1 && !is_text) {
      out += rest.substr(0, 2);
      rest.remove_prefix(2);
      continue;
    }
    if (c == '"' && !is_text) is_quoted = !is_quoted;
    auto end = c == '<' ? rest.find_first_not_of(kVariableLetters, 1) : rest.npos;
    bool is_variable = end != rest.npos && end > 1 && rest[end] == '>';
    if (!is_variable) {
      if (is_text) {
        // Up to the next place where something may have to be done; so no UTF-8 sequence is cut.
        auto plain = rest.substr(0, rest.find('<', 1));
        json::append_escaped(out, plain);
        rest.remove_prefix(plain.size());
      } else {
        out += c;
        rest.remove_prefix(1);
      }
      continue;
    }
    auto name = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (auto path = paths.find(std::string(name)); path != paths.end()) {
      const auto* value = find_path(match.event, path->second);
      if (value != nullptr) {
        append_value(out, *value, is_quoted);
      } else if (!is_quoted) {
        out += "null";
      }
    } else if (name == "aws.events.rule-arn") {
      append_text(out, match.rule_arn, is_quoted);
    } else if (name == "aws.events.rule-name") {
      append_text(out, match.rule_name, is_quoted);
    } else if (name == "aws.events.event.ingestion-time") {
      append_text(out, match.now, is_quoted);
    } else if (name == "aws.events.event.json" || name == "aws.events.event") {
      auto text = name == "aws.events.event" ? without_detail(match.event) : std::string(match.event.raw);
      if (is_quoted) json::append_escaped(out, text);
      if (!is_quoted) out += text;
    } else {
      out.append("<").append(name).append(">");  // no variable
    }
  }
  return out;
}

}  // namespace virga::events
