#include "virga/json/text.h"

#include <array>
#include <charconv>

#include "virga/base/encoding.h"
#include "virga/json/plain.h"
#include "virga/json/utf8.h"

namespace virga::json {
namespace {

void append_special(std::string& out, unsigned char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
  }
}

template <typename T>
void append_with_to_chars(std::string& out, T number) {
  std::array<char, 32> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  while (true) {
    std::size_t plain = plain_prefix(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) {
      append_special(out, byte);
      text.remove_prefix(1);
    } else if (std::size_t length = utf8_sequence_length(text)) {
      out.append(text.substr(0, length));
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    }
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_number(std::string& out, std::int64_t number) {
  append_with_to_chars(out, number);
}
void append_number(std::string& out, std::uint64_t number) {
  append_with_to_chars(out, number);
}
void append_number(std::string& out, double number) {
  append_with_to_chars(out, number);
}

void append_base64_string(std::string& out, std::string_view bytes) {
  out += '"';
  out += to_base64(bytes);
  out += '"';
}

}  // namespace virga::json
