#include "virga/cli/json_text.h"

namespace virga::cli {

namespace {

namespace json = boost::json;

class Printer {
 public:
  explicit Printer(const Terminal& terminal) : terminal_(terminal) {}

  void print(const json::value& value, std::size_t depth) {
    if (const auto* object = value.if_object()) return print(*object, depth);
    if (const auto* array = value.if_array()) return print(*array, depth);
    auto style = value.is_string() ? Style::Green : value.is_number() ? Style::Cyan : Style::Yellow;
    text += terminal_.style(style, clean_line(json::serialize(value)));
  }

  std::string text;

 private:
  void print(const json::object& object, std::size_t depth) {
    if (object.empty()) {
      text += "{}";
      return;
    }
    text += "{\n";
    std::size_t left = object.size();
    for (const auto& member : object) {
      indent(depth + 1);
      text += terminal_.style(Style::Blue, clean_line(json::serialize(json::string(member.key())))) + ": ";
      print(member.value(), depth + 1);
      text += --left > 0 ? ",\n" : "\n";
    }
    indent(depth);
    text += '}';
  }

  void print(const json::array& array, std::size_t depth) {
    if (array.empty()) {
      text += "[]";
      return;
    }
    text += "[\n";
    std::size_t left = array.size();
    for (const auto& element : array) {
      indent(depth + 1);
      print(element, depth + 1);
      text += --left > 0 ? ",\n" : "\n";
    }
    indent(depth);
    text += ']';
  }

  void indent(std::size_t depth) { text.append(depth * 2, ' '); }

  const Terminal& terminal_;
};

}  // namespace

std::string to_pretty_text(const json::value& value, const Terminal& terminal) {
  Printer printer(terminal);
  printer.print(value, 0);
  return std::move(printer.text);
}

}  // namespace virga::cli
