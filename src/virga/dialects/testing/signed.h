#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "virga/base/clock.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dialects/aws/sigv4_signer.h"
#include "virga/http/message.h"

namespace virga::dialects::testing {

// A key that verifiers made with `find_test_key` know.
inline std::optional<aws::AccessKey> find_test_key(std::string_view id) {
  if (id != "AKID") return std::nullopt;
  return aws::AccessKey{"secret", "", std::nullopt};
}

// A request that owns its text, signed for a service or ("") not at all.
class TestRequest {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  TestRequest(std::string method, std::string target, std::string_view service, WallTime now, std::string body = {},
              Fields fields = {}) {
    request_.method = std::move(method);
    request_.target = std::move(target);
    request_.fields = std::move(fields);
    request_.fields.insert(request_.fields.begin(), {"Host", "127.0.0.1:4600"});
    request_.body = std::move(body);
    if (!service.empty()) {
      EXPECT_TRUE(aws::sigv4_sign(request_, {"AKID", "secret", "", "us-east-1"}, aws::sigv4_rules(service), now));
    }
    for (const auto& [name, value] : request_.fields) fields_.push_back({name, value});
    view_.method = request_.method;
    view_.target = request_.target;
    std::size_t question = view_.target.find('?');
    view_.path = view_.target.substr(0, question);
    view_.has_query = question != std::string_view::npos;
    if (view_.has_query) view_.query = view_.target.substr(question + 1);
    view_.fields = fields_;
    view_.body = request_.body;
    view_.peer = "127.0.0.1";
  }
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  const http::Request& view() const { return view_; }

 private:
  http::ClientRequest request_;
  std::vector<http::Field> fields_;
  http::Request view_;
};

}  // namespace virga::dialects::testing
