#include "virga/dialects/aws/xml_reader.h"

#include <gtest/gtest.h>

namespace virga::dialects::aws {
namespace {

TEST(XmlReader, RefusesWhatIsNotPlainAndWhole) {
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "<a>";
  for (int i = 0; i < 33; ++i) deep += "</a>";
  for (const std::string& text : {std::string(),
                                  std::string("text"),
                                  std::string("<a>"),
                                  std::string("<a></b>"),
                                  std::string("<a/><b/>"),
                                  std::string("<a><b></a></b>"),
                                  std::string("<a>&nbsp;</a>"),
                                  std::string("<a>&</a>"),
                                  std::string("<a>&#0;</a>"),
                                  std::string("<a>&#xD800;</a>"),
                                  std::string("<a b=c/>"),
                                  std::string("<a b/>"),
                                  std::string("<a b=\"c/>"),
                                  std::string("<!DOCTYPE a><a/>"),
                                  std::string("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"),
                                  std::string("<a><!ENTITY b></a>"),
                                  std::string("<a><!-- </a>"),
                                  std::string("<a>\xFF</a>"),
                                  std::string("< a/>"),
                                  std::string("<a/>x"),
                                  deep}) {
    auto read = read_xml(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::InvalidArgument);
  }
}

TEST(XmlReader, GivesElementsAndTexts) {
  auto read = read_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c -->\n"
      "<x:Delete xmlns:x='http://a/'>\n <Quiet>true</Quiet><Object><Key>a&amp;b&#x20;&#233;<![CDATA[<>]]>"
      "<!-- no --></Key></Object><Object><Key/></Object ></x:Delete>\n");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->name, "Delete");
  EXPECT_EQ(read->text_of("Quiet"), "true");
  EXPECT_EQ(read->text_of("Loud"), "");
  ASSERT_EQ(read->children.size(), 3u);
  EXPECT_EQ(read->child("Object")->text_of("Key"), "a&b \xC3\xA9<>");
  EXPECT_EQ(read->children[2].text_of("Key"), "");
}

}  // namespace
}  // namespace virga::dialects::aws
