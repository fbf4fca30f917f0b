#include "virga/dialects/aws/query.h"

namespace virga::dialects::aws {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string decode_form(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    int high = raw[i] == '%' && i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
    int low = high >= 0 ? hex_value(raw[i + 2]) : -1;
    if (low >= 0) {
      text += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      text += raw[i] == '+' ? ' ' : raw[i];
    }
  }
  return text;
}

Query::Query(std::string_view raw) {
  while (!raw.empty()) {
    std::string_view part = raw.substr(0, raw.find('&'));
    raw.remove_prefix(part.size() < raw.size() ? part.size() + 1 : raw.size());
    if (part.empty()) continue;
    std::size_t equals = part.find('=');
    std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    parameters_.emplace_back(decode_form(part.substr(0, equals)), decode_form(value));
  }
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : parameters_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

}  // namespace virga::dialects::aws
