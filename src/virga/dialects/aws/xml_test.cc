#include "virga/dialects/aws/xml.h"

#include <gtest/gtest.h>

namespace virga::dialects::aws {
namespace {

TEST(Xml, EscapesWhatHasAMeaningAndReplacesWhatCannotStand) {
  std::string out;
  append_xml_text(out, std::string_view("a<b>&\"\r\n\t\x01ü\xff", 13));
  EXPECT_EQ(out, "a&lt;b&gt;&amp;&quot;&#13;\n\t?ü\xEF\xBF\xBD");
}

TEST(Xml, ClosesElementsInOrder) {
  std::string out;
  {
    XmlElement outer(out, "A", "urn:x");
    outer.add("B", "1");
    XmlElement inner(outer, "C");
    inner.text("<");
  }
  EXPECT_EQ(out, "<A xmlns=\"urn:x\"><B>1</B><C>&lt;</C></A>");
}

}  // namespace
}  // namespace virga::dialects::aws
