#include "virga/json/cursor.h"

#include <fmt/format.h>

#include <bitset>
#include <cstdint>

#include "virga/json/plain.h"
#include "virga/json/utf8.h"

namespace virga::json {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four digits behind "\u", which were checked before.
std::uint32_t hex4(std::string_view text) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 4 | static_cast<std::uint32_t>(hex_value(text[i]));
  return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 63));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
    put(0x80 | (code & 63));
  }
}

// Decodes what stands between the quotes of a string that was checked before.
void decode(std::string_view text, std::string& value) {
  while (true) {
    std::size_t backslash = text.find('\\');
    value.append(text.substr(0, backslash));
    if (backslash == std::string_view::npos) return;
    char kind = text[backslash + 1];
    text.remove_prefix(backslash + 2);
    switch (kind) {
      case 'b':
        value += '\b';
        break;
      case 'f':
        value += '\f';
        break;
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 't':
        value += '\t';
        break;
      case 'u': {
        std::uint32_t code = hex4(text);
        text.remove_prefix(4);
        if (code >= 0xD800 && code < 0xDC00 && text.starts_with("\\u")) {
          std::uint32_t low = hex4(text.substr(2));
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            text.remove_prefix(6);
          }
        }
        append_utf8(value, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
        break;
      }
      default:
        value += kind;  // '"', '\' and '/'
    }
  }
}

}  // namespace

bool Cursor::fail(const char* problem) {
  if (problem_ == nullptr) {
    problem_ = problem;
    problem_position_ = position_;
  }
  return false;
}

std::string Cursor::error() const {
  if (problem_ == nullptr) return {};
  return fmt::format("{} at byte {}", problem_, problem_position_);
}

void Cursor::skip_space() {
  while (position_ < text_.size()) {
    char c = text_[position_];
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return;
    ++position_;
  }
}

Cursor::Kind Cursor::peek() {
  if (failed()) return Kind::Bad;
  skip_space();
  if (position_ == text_.size()) {
    fail("a value was expected");
    return Kind::Bad;
  }
  switch (text_[position_]) {
    case '{':
      return Kind::Object;
    case '[':
      return Kind::Array;
    case '"':
      return Kind::String;
    case 't':
      return Kind::True;
    case 'f':
      return Kind::False;
    case 'n':
      return Kind::Null;
    default:
      if (text_[position_] == '-' || is_digit(text_[position_])) return Kind::Number;
      fail("a value was expected");
      return Kind::Bad;
  }
}

bool Cursor::enter(char opening) {
  if (failed()) return false;
  skip_space();
  if (!at(opening)) return fail(opening == '{' ? "an object was expected" : "an array was expected");
  if (++depth_ > kMaxDepth) return fail("values are nested too deeply");
  ++position_;
  first_ = true;
  return true;
}

bool Cursor::enter_object() {
  return enter('{');
}
bool Cursor::enter_array() {
  return enter('[');
}

bool Cursor::next_member(std::string& key) {
  if (failed()) return false;
  skip_space();
  if (at('}')) {
    ++position_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (!at(',')) return fail("a comma or the end of the object was expected");
    ++position_;
    skip_space();
  }
  first_ = false;
  if (!at('"')) return fail("a member's name in quotes was expected");
  if (!read_string(key)) return false;
  skip_space();
  if (!at(':')) return fail("a colon was expected");
  ++position_;
  return true;
}

bool Cursor::next_element() {
  if (failed()) return false;
  skip_space();
  if (at(']')) {
    ++position_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (!at(',')) return fail("a comma or the end of the array was expected");
    ++position_;
  }
  first_ = false;
  return true;
}

bool Cursor::scan_escape() {
  std::string_view rest = text_.substr(position_ + 1);
  if (rest.empty()) return fail("a string has no end");
  if (std::string_view("\"\\/bfnrt").find(rest[0]) != std::string_view::npos) {
    position_ += 2;
    return true;
  }
  if (rest[0] != 'u') return fail("an unknown escape");
  for (std::size_t i = 1; i <= 4; ++i) {
    if (i >= rest.size() || hex_value(rest[i]) < 0) return fail("four hexadecimal digits were expected behind \\u");
  }
  position_ += 6;
  return true;
}

bool Cursor::scan_string(bool& plain) {
  plain = true;
  ++position_;
  while (true) {
    position_ += plain_prefix(text_.substr(position_));
    if (position_ == text_.size()) return fail("a string has no end");
    auto byte = static_cast<unsigned char>(text_[position_]);
    if (byte == '"') {
      ++position_;
      return true;
    }
    if (byte == '\\') {
      plain = false;
      if (!scan_escape()) return false;
    } else if (byte < 0x20) {
      return fail("a control character stands unescaped in a string");
    } else {
      std::size_t length = utf8_sequence_length(text_.substr(position_));
      if (length == 0) return fail("a string is not UTF-8");
      position_ += length;
    }
  }
}

bool Cursor::read_string(std::string& value) {
  if (failed()) return false;
  skip_space();
  if (!at('"')) return fail("a string was expected");
  std::size_t start = position_ + 1;
  bool plain = true;
  if (!scan_string(plain)) return false;
  std::string_view inside = text_.substr(start, position_ - 1 - start);
  value.clear();
  if (plain) {
    value.assign(inside);
  } else {
    decode(inside, value);
  }
  return true;
}

bool Cursor::literal(std::string_view word) {
  if (!text_.substr(position_).starts_with(word)) return fail("a value was expected");
  position_ += word.size();
  return true;
}

bool Cursor::read_bool(bool& value) {
  Kind kind = peek();
  if (kind == Kind::Bad) return false;
  value = kind == Kind::True;
  if (kind != Kind::True && kind != Kind::False) return fail("true or false was expected");
  return literal(value ? "true" : "false");
}

bool Cursor::read_null() {
  return peek() != Kind::Bad && literal("null");
}

bool Cursor::scan_number() {
  auto digits = [&] {
    std::size_t start = position_;
    while (position_ < text_.size() && is_digit(text_[position_])) ++position_;
    return position_ > start;
  };
  if (at('-')) ++position_;
  if (at('0')) {
    ++position_;
  } else if (!digits()) {
    return fail("a number was expected");
  }
  if (at('.')) {
    ++position_;
    if (!digits()) return fail("a digit was expected behind the point");
  }
  if (at('e') || at('E')) {
    ++position_;
    if (at('+') || at('-')) ++position_;
    if (!digits()) return fail("a digit was expected in the exponent");
  }
  return true;
}

bool Cursor::read_number(std::string_view& text) {
  if (failed()) return false;
  skip_space();
  std::size_t start = position_;
  if (!scan_number()) return false;
  text = text_.substr(start, position_ - start);
  return true;
}

bool Cursor::skip_value(std::string_view& raw) {
  if (peek() == Kind::Bad) return false;
  std::size_t start = position_;
  // One bit for each open level: set for an object. Bounded by the depth, so nothing recurses.
  std::bitset<kMaxDepth + 1> objects;
  int level = 0;
  std::string key;
  bool plain = true;
  while (true) {
    switch (peek()) {
      case Kind::Object:
      case Kind::Array: {
        bool object = at('{');
        if (!enter(object ? '{' : '[')) return false;
        objects.set(static_cast<std::size_t>(++level), object);
        break;
      }
      case Kind::String:
        if (!scan_string(plain)) return false;
        break;
      case Kind::Number:
        if (!scan_number()) return false;
        break;
      case Kind::True:
        if (!literal("true")) return false;
        break;
      case Kind::False:
        if (!literal("false")) return false;
        break;
      case Kind::Null:
        if (!literal("null")) return false;
        break;
      case Kind::Bad:
        return false;
    }
    // Close what ends here, until a further value follows.
    while (level > 0) {
      bool more = objects.test(static_cast<std::size_t>(level)) ? next_member(key) : next_element();
      if (failed()) return false;
      if (more) break;
      --level;
    }
    if (level == 0) break;
  }
  raw = text_.substr(start, position_ - start);
  return true;
}

bool Cursor::finish() {
  if (failed()) return false;
  skip_space();
  return position_ == text_.size() || fail("nothing more was expected");
}

Result<> validate(std::string_view text) {
  Cursor cursor(text);
  if (cursor.skip_value() && cursor.finish()) return {};
  return virga::fail(ErrorCode::InvalidArgument, cursor.error());
}

}  // namespace virga::json
