#include "virga/dialects/aws/tags.h"

#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace {

constexpr std::size_t kMostTags = 50;

std::optional<std::string> text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string().data(), value->get_string().size());
}

}  // namespace

Answer<TagMap> read_tag_list(const boost::json::value* list) {
  TagMap tags;
  if (list == nullptr || list->is_null()) return tags;
  if (!list->is_array()) return std::unexpected(validation_exception("Tags must be a list of keys and values."));
  for (const auto& element : list->get_array()) {
    auto key = element.is_object() ? text_of(element.get_object(), "Key") : std::nullopt;
    auto value = element.is_object() ? text_of(element.get_object(), "Value") : std::nullopt;
    if (!key || key->empty() || key->size() > 128 || !value || value->size() > 256) {
      return std::unexpected(validation_exception("A tag has a Key of 1 to 128 and a Value of up to 256 characters."));
    }
    tags[*key] = *value;
  }
  if (tags.size() > kMostTags) return std::unexpected(validation_exception("A resource has at most 50 tags."));
  return tags;
}

std::string write_tag_list(const TagMap& tags) {
  std::string text;
  {
    json::Array list(text);
    for (const auto& [key, value] : tags) json::Object(list.open()).add("Key", key).add("Value", value);
  }
  return text;
}

}  // namespace virga::dialects::aws
