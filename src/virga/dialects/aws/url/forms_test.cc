#include "virga/dialects/aws/url/forms.h"

#include <gtest/gtest.h>

#include <vector>

namespace virga::dialects::aws {
namespace {

struct Asked {
  std::string head = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string peer = "10.1.2.3";
  std::string path = "/a";
  std::string id = "urlid";
  UrlBody body = UrlBody::None;
};

std::shared_ptr<const model::EventForm> form_of(UrlForms& forms, const Asked& asked,
                                                const UrlCaller* caller = nullptr) {
  std::vector<http::Field> fields = {{"Host", "h"}};
  http::Request request;
  request.method = "GET";
  request.fields = fields;
  request.head = asked.head;
  request.peer = asked.peer;
  return forms.of(UrlEvent{request, asked.path, asked.id, caller}, asked.body);
}

TEST(UrlForms, GiveTheSameFormForTheSameRequest) {
  UrlForms forms(7);
  auto first = form_of(forms, {});
  EXPECT_EQ(first->number, 7u);
  EXPECT_EQ(form_of(forms, {}), first);
}

TEST(UrlForms, TellApartWhateverTheEventSays) {
  UrlForms forms(1);
  auto first = form_of(forms, {});
  std::vector<Asked> others(5);
  others[0].head = "GET /a HTTP/1.1\r\nHost: g\r\n\r\n";
  others[1].peer = "10.1.2.4";
  others[2].path = "/b";
  others[3].id = "other";
  others[4].body = UrlBody::Text;
  for (const auto& other : others) {
    auto form = form_of(forms, other);
    EXPECT_NE(form, first);
    EXPECT_NE(form->number, first->number);
  }
}

TEST(UrlForms, KeepNeitherSignedNorLargeRequests) {
  UrlForms forms(1);
  UrlCaller caller{"AKID", "000000000000", "arn:aws:iam::000000000000:root", "AIDA"};
  EXPECT_EQ(form_of(forms, {}, &caller)->number, 0u);
  Asked large;
  large.head += std::string(16 << 10, 'x');
  EXPECT_EQ(form_of(forms, large)->number, 0u);
  Asked made;
  made.head.clear();
  EXPECT_EQ(form_of(forms, made)->number, 0u);
}

TEST(UrlForms, NeverMixFormsUpHoweverManyThereAre) {
  UrlForms forms(1);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2000; ++i) {
      Asked asked;
      asked.path = "/" + std::to_string(i);
      asked.head = "GET " + asked.path + " HTTP/1.1\r\nHost: h\r\n\r\n";
      auto form = form_of(forms, asked);
      EXPECT_NE(form->text.find("\"rawPath\":\"" + asked.path + "\""), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace virga::dialects::aws
