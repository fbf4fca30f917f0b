#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace virga::dialects::aws {

// Appends `text` as character data of XML 1.0. Characters that cannot stand in XML at all become '?'; what is not UTF-8
// becomes U+FFFD.
void append_xml_text(std::string& out, std::string_view text);

// Writes one XML element at the end of a string; its end tag comes with the destructor. While an inner element is open,
// only that one is written to. Names are given as they stand in the tag.
class XmlElement {
 public:
  XmlElement(std::string& out, std::string_view name, std::string_view xml_namespace = {});
  // An element inside another one.
  XmlElement(XmlElement& outer, std::string_view name) : XmlElement(outer.out_, name) {}
  ~XmlElement();
  XmlElement(const XmlElement&) = delete;
  XmlElement& operator=(const XmlElement&) = delete;

  // <name>text</name>
  XmlElement& add(std::string_view name, std::string_view text);
  XmlElement& text(std::string_view text);

 private:
  std::string& out_;
  std::string name_;
};

}  // namespace virga::dialects::aws
