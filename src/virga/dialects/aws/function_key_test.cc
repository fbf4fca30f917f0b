#include "virga/dialects/aws/function_key.h"

#include <gtest/gtest.h>

#include "virga/dialects/aws/sigv4.h"
#include "virga/dialects/aws/sigv4_signer.h"
#include "virga/dialects/aws/testing/signed_request.h"

namespace virga::dialects::aws {
namespace {

const model::FunctionName kResize{"resize_it"};
const model::FunctionName kMail{"mail"};

class FixedClock : public Clock {
 public:
  SteadyTime steady() const override { return {}; }
  WallTime wall() const override { return WallTime(std::chrono::seconds(1'800'000'000)); }
};

TEST(FunctionKey, IsNobodyElsesAndTheSameAfterARestart) {
  auto key = function_key("root", kResize);
  EXPECT_EQ(key.id, "fn-resize_it");
  EXPECT_EQ(key.secret, function_key("root", kResize).secret);
  EXPECT_EQ(key.session_token, function_key("root", kResize).session_token);
  EXPECT_NE(key.secret, key.session_token);
  EXPECT_NE(key.secret, function_key("root", kMail).secret);
  EXPECT_NE(key.secret, function_key("another root", kResize).secret);
}

TEST(FunctionKey, NamesItsFunction) {
  EXPECT_EQ(function_of_key("fn-resize_it"), kResize);
  EXPECT_FALSE(function_of_key("VIRGAKEY"));
  EXPECT_FALSE(function_of_key(""));
  EXPECT_FALSE(function_of_key("fn"));
}

TEST(FunctionKey, IsProvenOnlyTogetherWithItsToken) {
  auto key = function_key("root", kResize);
  FindAccessKey find = [&](std::string_view id) -> std::optional<AccessKey> {
    if (id != key.id) return std::nullopt;
    return AccessKey{key.secret, key.session_token, std::nullopt, kResize.text()};
  };
  FixedClock clock;
  SigV4Verifier verifier(find, clock);
  auto verify = [&](const std::string& token) {
    http::ClientRequest request;
    request.method = "POST";
    request.target = "/";
    request.fields = {{"Host", "127.0.0.1:4600"}};
    EXPECT_TRUE(sigv4_sign(request, {key.id, key.secret, token, "us-east-1"}, sigv4_rules("lambda"), clock.wall()));
    testing::SignedRequest sent{request.method, request.target, request.fields, request.body};
    std::vector<http::Field> storage;
    return verifier.verify(sent.view(storage), sigv4_rules("lambda"));
  };
  auto identity = verify(key.session_token);
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->function, "resize_it");
  EXPECT_EQ(identity->access_key, "fn-resize_it");
  EXPECT_FALSE(verify(""));
  EXPECT_FALSE(verify("made up"));
}

}  // namespace
}  // namespace virga::dialects::aws
