#include "virga/services/topic/filter.h"

#include "virga/json/text.h"
#include "virga/json/value.h"

namespace virga::services {
namespace {

using Kind = json::Value::Kind;

bool is_of(std::string_view type, std::string_view kind) {
  return type == kind || (type.starts_with(kind) && type[kind.size()] == '.');
}

// The attributes as the JSON object that a pattern looks at.
std::string to_json(const MessageAttributes& attributes) {
  std::string text;
  {
    json::Object object(text);
    for (const auto& [name, attribute] : attributes) {
      auto value = json::parse(attribute.value);
      bool is_number = is_of(attribute.type, "Number") && value && value->is(Kind::Number);
      bool is_list = attribute.type == "String.Array" && value && value->is(Kind::Array);
      if (is_number || is_list) {
        object.add_raw(name, attribute.value);
      } else {
        object.add(name, attribute.value);
      }
    }
  }
  return text;
}

}  // namespace

Result<Filter> Filter::compile(std::string_view policy, Scope scope) {
  auto pattern = events::Pattern::compile(policy);
  if (!pattern) return fail(ErrorCode::InvalidArgument, "FilterPolicy: " + pattern.error().message());
  if (scope == Scope::Attributes) {
    auto value = json::parse(policy);
    for (const auto& [name, entry] : value->members) {
      if (!entry.is(Kind::Array)) {
        return fail(ErrorCode::InvalidArgument,
                    "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy");
      }
    }
  }
  return Filter(std::move(*pattern), scope);
}

bool Filter::matches(const MessageAttributes& attributes, std::string_view body) const {
  if (scope_ == Scope::Body) return pattern_.matches(body);
  return pattern_.matches(to_json(attributes));
}

}  // namespace virga::services
