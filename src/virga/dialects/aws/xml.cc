#include "virga/dialects/aws/xml.h"

#include "virga/json/utf8.h"

namespace virga::dialects::aws {

void append_xml_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    auto byte = static_cast<unsigned char>(text.front());
    std::size_t length = 1;
    if (byte == '<') {
      out += "&lt;";
    } else if (byte == '>') {
      out += "&gt;";
    } else if (byte == '&') {
      out += "&amp;";
    } else if (byte == '"') {
      out += "&quot;";
    } else if (byte == '\r') {
      out += "&#13;";  // a reader would make a line feed of it
    } else if (byte >= 0x80) {
      length = json::utf8_sequence_length(text);
      out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
      if (length == 0) length = 1;
    } else if (byte < 0x20 && byte != '\n' && byte != '\t') {
      out += '?';
    } else {
      out += text.front();
    }
    text.remove_prefix(length);
  }
}

XmlElement::XmlElement(std::string& out, std::string_view name, std::string_view xml_namespace)
    : out_(out), name_(name) {
  out_.append("<").append(name_);
  if (!xml_namespace.empty()) out_.append(" xmlns=\"").append(xml_namespace).append("\"");
  out_ += '>';
}

XmlElement::~XmlElement() {
  out_.append("</").append(name_).append(">");
}

XmlElement& XmlElement::add(std::string_view name, std::string_view text) {
  out_.append("<").append(name).append(">");
  append_xml_text(out_, text);
  out_.append("</").append(name).append(">");
  return *this;
}

XmlElement& XmlElement::text(std::string_view text) {
  append_xml_text(out_, text);
  return *this;
}

}  // namespace virga::dialects::aws
