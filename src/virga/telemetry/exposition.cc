#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "virga/base/encoding.h"
#include "virga/telemetry/internal/entry.h"

namespace virga::metrics {
namespace {

bool is_name(std::string_view name, std::string_view also) {
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           also.find(c) != std::string_view::npos;
  };
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::ranges::all_of(name, allowed);
}

enum class Quotes { Escape, Keep };

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
  const bool valid = is_utf8(text);
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes == Quotes::Escape) {
      out += "\\\"";
    } else if (!valid && static_cast<unsigned char>(c) >= 0x80) {
      out += '?';
    } else {
      out += c;
    }
  }
}

}  // namespace

bool is_metric_name(std::string_view name) {
  return is_name(name, ":");
}
bool is_label_name(std::string_view name) {
  return is_name(name, "") && !name.starts_with("__");
}

std::string label_text(const std::vector<std::string>& names, const std::vector<std::string>& values) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ',';
    out += names[i];
    out += "=\"";
    append_escaped(out, values[i], Quotes::Escape);
    out += '"';
  }
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

void Registry::Entry::expose(std::string& out) const {
  fmt::format_to(std::back_inserter(out), "# HELP {} ", name_);
  append_escaped(out, help_, Quotes::Keep);
  fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name_, type());
  expose_cells(out);
}

void Registry::Entry::expose_line(std::string& out, std::string_view suffix, std::string_view labels,
                                  std::string_view value) const {
  out += name_;
  out += suffix;
  if (!labels.empty()) fmt::format_to(std::back_inserter(out), "{{{}}}", labels);
  fmt::format_to(std::back_inserter(out), " {}\n", value);
}

}  // namespace virga::metrics
