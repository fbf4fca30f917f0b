#include "virga/dialects/cloudevents/cloud_events.h"

#include <fmt/format.h>

#include <map>

#include "virga/base/encoding.h"
#include "virga/json/cursor.h"
#include "virga/json/text.h"
#include "virga/json/value.h"

namespace virga::dialects::cloudevents {
namespace {

using events::BusEvent;
using Kind = json::Value::Kind;

constexpr std::size_t kMostEvents = 1000;  // of one batch
constexpr std::string_view kStructured = "application/cloudevents";
constexpr std::string_view kBatch = "application/cloudevents-batch";
constexpr std::string_view kField = "ce-";

// By name; texts of attributes are JSON values already, so that numbers and booleans of extensions stay what they are.
using Attributes = std::map<std::string, std::string>;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::InvalidArgument, std::move(message));
}

std::string quoted(std::string_view text) {
  std::string json;
  json::append_string(json, text);
  return json;
}

// "application/json; charset=utf-8" as "application/json".
std::string media_type(std::string_view text) {
  return to_lower(trim(text.substr(0, text.find(';'))));
}

bool is_json(std::string_view type) {
  auto media = media_type(type);
  return media.empty() || media.ends_with("/json") || media.ends_with("+json");
}

bool is_attribute_name(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == name.npos;
}

// The text of an attribute, of those that are texts.
Result<std::string> text_of(const Attributes& attributes, const std::string& name) {
  auto found = attributes.find(name);
  if (found == attributes.end()) return std::string();
  auto value = json::parse(found->second);
  if (!value || !value->is(Kind::String)) return refuse(fmt::format("the attribute '{}' must be a string", name));
  return value->text;
}

// What stands in the attributes; the data is the caller's.
Result<BusEvent> make_event(const Attributes& attributes, WallTime now) {
  BusEvent event;
  VIRGA_TRY_ASSIGN(auto version, text_of(attributes, "specversion"));
  VIRGA_TRY_ASSIGN(event.id, text_of(attributes, "id"));
  VIRGA_TRY_ASSIGN(event.source, text_of(attributes, "source"));
  VIRGA_TRY_ASSIGN(event.detail_type, text_of(attributes, "type"));
  VIRGA_TRY_ASSIGN(auto subject, text_of(attributes, "subject"));
  VIRGA_TRY_ASSIGN(auto time, text_of(attributes, "time"));
  if (version != "1.0") return refuse(fmt::format("specversion must be 1.0; it is '{}'", version));
  for (const auto& [name, text] :
       {std::pair("id", &event.id), std::pair("source", &event.source), std::pair("type", &event.detail_type)}) {
    if (text->empty()) return refuse(fmt::format("the attribute '{}' is missing or empty", name));
  }
  event.time = now;
  if (!time.empty()) {
    auto parsed = events::parse_rfc3339(time);
    if (!parsed) return refuse(fmt::format("the attribute 'time' is no RFC 3339 time: '{}'", time));
    event.time = *parsed;
  }
  if (!subject.empty()) event.resources.push_back(subject);
  {
    json::Object object(event.cloud_event);
    for (const auto& [name, value] : attributes) object.add_raw(name, value);
  }
  return event;
}

std::string bytes_detail(std::string_view bytes) {
  std::string detail;
  {
    json::Object object(detail);
    json::append_base64_string(object.open("data_base64"), bytes);
  }
  return detail;
}

Result<std::vector<BusEvent>> read_binary(const http::Request& request, WallTime now) {
  Attributes attributes;
  for (const auto& field : request.fields) {
    auto name = to_lower(field.name);
    if (!name.starts_with(kField)) continue;
    name.erase(0, kField.size());
    if (!is_attribute_name(name)) return refuse(fmt::format("'{}' is no name of an attribute", name));
    auto value = percent_decode(field.value);
    if (!value || !is_utf8(*value)) return refuse(fmt::format("the field '{}' is not well-formed", field.name));
    attributes[name] = quoted(*value);
  }
  auto type = request.field("Content-Type");
  if (!type.empty()) attributes["datacontenttype"] = quoted(type);
  VIRGA_TRY_ASSIGN(auto event, make_event(attributes, now));
  if (!request.body.empty()) {
    if (is_json(type)) {
      auto valid = json::validate(request.body);
      if (!valid) return refuse("the data is not the JSON that its content type says: " + valid.error().message());
      event.detail = request.body;
    } else {
      event.detail = is_utf8(request.body) ? quoted(request.body) : bytes_detail(request.body);
    }
  }
  std::vector<BusEvent> events;
  events.push_back(std::move(event));
  return events;
}

Result<BusEvent> read_object(const json::Value& object, WallTime now) {
  if (!object.is(Kind::Object)) return refuse("an event is a JSON object");
  Attributes attributes;
  const json::Value* data = nullptr;
  const json::Value* bytes = nullptr;
  for (const auto& [name, value] : object.members) {
    if (value.is(Kind::Null) && name != "data") continue;  // the same as not there
    if (name == "data") {
      data = &value;
    } else if (name == "data_base64") {
      bytes = &value;
    } else if (!is_attribute_name(name)) {
      return refuse(fmt::format("'{}' is no name of an attribute", name));
    } else if (value.is(Kind::Object) || value.is(Kind::Array)) {
      return refuse(fmt::format("the attribute '{}' must be a string, a number or a boolean", name));
    } else {
      attributes[name] = value.raw;
    }
  }
  if (data != nullptr && bytes != nullptr) return refuse("an event has either data or data_base64");
  VIRGA_TRY_ASSIGN(auto event, make_event(attributes, now));
  VIRGA_TRY_ASSIGN(auto type, text_of(attributes, "datacontenttype"));
  if (data != nullptr) event.detail = data->raw;
  if (bytes != nullptr) {
    auto decoded = bytes->is(Kind::String) ? from_base64(bytes->text) : refuse("it must be a string");
    if (!decoded) return refuse("data_base64 is no Base64: " + decoded.error().message());
    if (!type.empty() && is_json(type) && json::validate(*decoded)) {
      event.detail = *decoded;
    } else {
      event.detail = bytes_detail(*decoded);
    }
  }
  return event;
}

Result<std::vector<BusEvent>> read_json(std::string_view body, bool is_batch, WallTime now) {
  auto value = json::parse(body);
  if (!value) return refuse("the body is no JSON: " + value.error().message());
  std::vector<BusEvent> events;
  if (!is_batch) {
    VIRGA_TRY_ASSIGN(auto event, read_object(*value, now));
    events.push_back(std::move(event));
    return events;
  }
  if (!value->is(Kind::Array)) return refuse("a batch is a JSON array of events");
  if (value->elements.size() > kMostEvents) return refuse(fmt::format("a batch has at most {} events", kMostEvents));
  for (const auto& element : value->elements) {
    VIRGA_TRY_ASSIGN(auto event, read_object(element, now));
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace

Result<std::vector<BusEvent>> read(const http::Request& request, WallTime now) {
  auto type = media_type(request.field("Content-Type"));
  if (!type.starts_with(kStructured)) return read_binary(request, now);
  bool is_batch = type.starts_with(kBatch);
  auto format = type.substr(is_batch ? kBatch.size() : kStructured.size());
  if (!format.empty() && format != "+json") {
    return fail(ErrorCode::Unimplemented, fmt::format("'{}' is not known here; send JSON", type));
  }
  return read_json(request.body, is_batch, now);
}

}  // namespace virga::dialects::cloudevents
