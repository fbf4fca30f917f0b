#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::dialects::aws {

// One element of a small XML document. Attributes are not kept, nor the prefixes of names.
struct XmlNode {
  std::string name;
  std::string text;  // of the element itself, joined, as it stands
  std::vector<XmlNode> children;

  const XmlNode* child(std::string_view name) const;      // the first one; null: there is none
  std::string_view text_of(std::string_view name) const;  // of the first such child, or ""
};

// Reads a document of a request (XML 1.0, UTF-8): no document type, so that there are no entities but the five and
// characters by number; at most 32 levels and 200,000 elements. InvalidArgument says what is wrong and where.
Result<XmlNode> read_xml(std::string_view text);

}  // namespace virga::dialects::aws
