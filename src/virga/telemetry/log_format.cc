#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <optional>

#include "virga/base/encoding.h"
#include "virga/telemetry/log.h"

namespace virga::log {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;
};

// The code point at the front of `text`, which is not empty; nullopt if there is no valid one.
std::optional<CodePoint> first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return CodePoint{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (text.size() < size || !is_utf8(text.substr(0, size))) return std::nullopt;
  char32_t value = lead & (0x7fu >> size);
  for (const char byte : text.substr(1, size - 1)) value = (value << 6) | (static_cast<unsigned char>(byte) & 0x3fu);
  return CodePoint{value, size};
}

// Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing.
bool is_dangerous(char32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x061c || value == 0x200e || value == 0x200f ||
         (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

enum class Syntax { Text, Json };

void append_escaped(std::string& out, std::string_view text, Syntax syntax) {
  while (!text.empty()) {
    const auto point = first_code_point(text);
    if (!point) {
      if (syntax == Syntax::Json) {
        out += "\\ufffd";
      } else {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text.front()));
      }
      text.remove_prefix(1);
      continue;
    }
    if (point->value == '\n') {
      out += "\\n";
    } else if (point->value == '\t') {
      out += "\\t";
    } else if (point->value == '\\' || (point->value == '"' && syntax == Syntax::Json)) {
      out += '\\';
      out += text.front();
    } else if (is_dangerous(point->value)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(point->value));
    } else {
      out += text.substr(0, point->size);
    }
    text.remove_prefix(point->size);
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, Syntax::Json);
  out += '"';
}

// Quoted if a reader could not tell otherwise where it ends.
void append_text_value(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(" \"=") == std::string_view::npos) {
    append_escaped(out, text, Syntax::Text);
  } else {
    append_json_string(out, text);
  }
}

void append_value(std::string& out, const Value& value, Syntax syntax) {
  std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_convertible_v<T, std::string_view>) {
          syntax == Syntax::Json ? append_json_string(out, held) : append_text_value(out, held);
        } else if constexpr (std::is_same_v<T, double>) {
          // JSON has no way to write the others.
          out += syntax == Syntax::Text || std::isfinite(held) ? fmt::format("{}", held) : "null";
        } else {
          fmt::format_to(std::back_inserter(out), "{}", held);
        }
      },
      value.variant());
}

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::Error:
      return "\x1b[31m";
    case Level::Warn:
      return "\x1b[33m";
    case Level::Info:
      return "\x1b[32m";
    case Level::Debug:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string to_text(const Record& record, Colour colour) {
  const bool coloured = colour == Colour::On;
  const std::string_view dim = coloured ? "\x1b[2m" : "";
  const std::string_view reset = coloured ? "\x1b[0m" : "";
  const std::int64_t milliseconds = unix_milliseconds(record.time);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(record.time);
  std::tm local{};
  ::localtime_r(&seconds, &local);

  std::string out =
      fmt::format("{}{:02}:{:02}:{:02}.{:03}{} {}{:<5}{} ", dim, local.tm_hour, local.tm_min, local.tm_sec,
                  milliseconds % 1000, reset, coloured ? colour_of(record.level) : "", name(record.level), reset);
  append_escaped(out, record.event, Syntax::Text);
  std::string_view separator = "  ";
  for (const auto& field : record.fields) {
    out += separator;
    out += dim;
    append_escaped(out, field.name, Syntax::Text);
    out += '=';
    out += reset;
    append_value(out, field.value, Syntax::Text);
    separator = " ";
  }
  out += '\n';
  return out;
}

std::string to_json(const Record& record) {
  std::string out =
      fmt::format(R"({{"time":"{}","level":"{}","event":)", format_rfc3339(record.time), name(record.level));
  append_json_string(out, record.event);
  for (const auto& field : record.fields) {
    out += ',';
    append_json_string(out, field.name);
    out += ':';
    append_value(out, field.value, Syntax::Json);
  }
  out += "}\n";
  return out;
}

}  // namespace virga::log
