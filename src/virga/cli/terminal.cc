#include "virga/cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace virga::cli {

namespace {

struct Character {
  char32_t point = 0xFFFD;
  std::size_t bytes = 1;
  bool valid = false;
};

Character decode(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t point = lead & (0x7F >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (point < kLeast[length] || surrogate || point > 0x10FFFF) return {};
  return {point, length, true};
}

// Characters that show nothing and change how the text around them is read (Unicode TR 36 and 39).
bool is_hidden(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x061C || point == 0x200E || point == 0x200F ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

// The length of the escape sequence at the start of `text` (ECMA-48): CSI, OSC and its like, or ESC and one byte.
std::size_t escape_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  char kind = text[1];
  std::size_t i = 2;
  if (kind == '[') {
    while (i < text.size() && (text[i] < 0x40 || text[i] > 0x7E)) {
      if (static_cast<std::uint8_t>(text[i]) < 0x20) return i;
      ++i;
    }
    return std::min(i + 1, text.size());
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' || kind == 'X') {
    for (; i < text.size(); ++i) {
      if (text[i] == '\a') return i + 1;
      if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '\\') return i + 2;
      if (text[i] == '\n') return i;
    }
    return i;
  }
  if (static_cast<std::uint8_t>(kind) < 0x20) return 1;  // a newline, another escape: judged by itself
  return 2;
}

std::string clean(std::string_view text, bool keep_lines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (text[0] == '\x1b') {
      text.remove_prefix(escape_length(text));
      continue;
    }
    auto character = decode(text);
    if (!character.valid) {
      result += "\xEF\xBF\xBD";
    } else if (character.point == '\n' || character.point == '\t') {
      result += keep_lines ? text[0] : ' ';
    } else if (!is_hidden(character.point)) {
      result += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return result;
}

std::size_t columns(char32_t point) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kNone[] = {{0x300, 0x36F}, {0x200B, 0x200D}, {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}};
  static constexpr Range kTwo[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xAC00, 0xD7A3},
                                   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
                                   {0x1F300, 0x1F64F}, {0x1F680, 0x1FAFF}, {0x20000, 0x3FFFD}};
  auto in = [&](const Range& range) { return point >= range.first && point <= range.last; };
  if (std::ranges::any_of(kNone, in)) return 0;
  return std::ranges::any_of(kTwo, in) ? 2 : 1;
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::Plain:
      return "";
    case Style::Bold:
      return "\x1b[1m";
    case Style::Dim:
      return "\x1b[2m";
    case Style::Red:
      return "\x1b[31m";
    case Style::Green:
      return "\x1b[32m";
    case Style::Yellow:
      return "\x1b[33m";
    case Style::Blue:
      return "\x1b[34m";
    case Style::Magenta:
      return "\x1b[35m";
    case Style::Cyan:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

Terminal::Terminal(int descriptor) : descriptor_(descriptor) {
  if (!::isatty(descriptor)) return;
  winsize size{};
  width_ = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  colour_ = (no_colour == nullptr || *no_colour == '\0') && kind != nullptr && std::string_view(kind) != "dumb";
}

bool Terminal::write(std::string_view text) {
  while (!text.empty() && !gone_) {
    ssize_t count = ::write(descriptor_, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd wait{descriptor_, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
  return !gone_;
}

bool Terminal::line(std::string_view text) {
  std::string whole(text);
  whole += '\n';
  return write(whole);
}

std::string Terminal::style(Style style, std::string_view text) const {
  if (!colour_ || style == Style::Plain || text.empty()) return std::string(text);
  return std::string(code_of(style)).append(text).append("\x1b[0m");
}

std::string clean(std::string_view text) {
  return clean(text, true);
}

std::string clean_line(std::string_view text) {
  return clean(text, false);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    auto character = decode(text);
    width += columns(character.point);
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string truncate(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t used = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    auto character = decode(text.substr(bytes));
    if (used + columns(character.point) > width - 1) break;
    used += columns(character.point);
    bytes += character.bytes;
  }
  return std::string(text.substr(0, bytes)).append("…");
}

}  // namespace virga::cli
