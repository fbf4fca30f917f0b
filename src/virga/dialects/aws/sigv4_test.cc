#include "virga/dialects/aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/sigv4_canonical.h"
#include "virga/dialects/aws/sigv4_signer.h"
#include "virga/dialects/aws/testing/signed_request.h"
#include "virga/dialects/aws/testing/sigv4_vectors.h"

namespace virga::dialects::aws {
namespace {

using ::testing::HasSubstr;
using testing::SignedRequest;
using ::testing::StartsWith;

const std::string kKey = "AKIDEXAMPLE";
const std::string kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

class ManualClock : public Clock {
 public:
  SteadyTime steady() const override { return {}; }
  WallTime wall() const override { return now; }
  WallTime now = sigv4::parse_time("20150830T123600Z").value();
};

struct Outcome {
  int status = 200;
  std::string code;
  std::string message;
};

// One known key, which has a token when `token` is set.
class SigV4 : public ::testing::Test {
 protected:
  Outcome verify(const SignedRequest& request, const SigV4Rules& rules) {
    std::vector<http::Field> storage;
    auto identity = verifier_.verify(request.view(storage), rules);
    if (!identity) return {identity.error().status, identity.error().code, identity.error().message};
    identity_ = *identity;
    return {};
  }
  Outcome verify(const SignedRequest& request) { return verify(request, sigv4_rules("lambda")); }

  SignedRequest signed_request(std::string service = "lambda", std::string body = "{}") {
    http::ClientRequest request;
    request.method = "POST";
    request.target = "/2015-03-31/functions/a%3Ab/invocations?Qualifier=1";
    request.fields = {{"Host", "127.0.0.1:4600"}, {"X-Amz-Invocation-Type", "Event"}};
    request.body = std::move(body);
    EXPECT_TRUE(sigv4_sign(request, credentials_, sigv4_rules(service), clock_.now));
    return {request.method, request.target, request.fields, request.body};
  }
  SignedRequest presigned_request(std::string service = "lambda",
                                  std::chrono::seconds lifetime = std::chrono::seconds(600)) {
    http::ClientRequest request;
    request.target = "/a/b?c=d";
    request.fields = {{"Host", "localhost"}};
    EXPECT_TRUE(sigv4_presign(request, credentials_, sigv4_rules(service), clock_.now, lifetime));
    return {request.method, request.target, request.fields, request.body};
  }

  ManualClock clock_;
  AccessKey key_{kSecret, "", {}};
  SigV4Credentials credentials_{kKey, kSecret, "", "us-east-1"};
  SigV4Verifier verifier_{[this](std::string_view id) { return id == kKey ? std::optional(key_) : std::nullopt; },
                          clock_};
  Identity identity_;
};

void replace(std::string& text, std::string_view from, std::string_view to) {
  auto at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from << " in " << text;
  text.replace(at, from.size(), to);
}

TEST_F(SigV4, RefusesHeadersThatProveNothing) {
  struct Row {
    std::string name;
    std::function<void(SignedRequest&)> change;
    int status;
    std::string code;
    std::string message;  // a part of it
  };
  auto authorization = [](std::string from, std::string to) {
    return [from, to](SignedRequest& request) { replace(*request.field("Authorization"), from, to); };
  };
  auto set = [](std::string name, std::string value) {
    return [name, value](SignedRequest& request) { *request.field(name) = value; };
  };
  auto add = [](std::string name, std::string value) {
    return [name, value](SignedRequest& request) { request.fields.emplace_back(name, value); };
  };
  auto remove = [](std::string name) {
    return [name](SignedRequest& request) {
      std::erase_if(request.fields, [&](auto& field) { return field.first == name; });
    };
  };
  const std::string wrong = "InvalidSignatureException";
  const std::string incomplete = "IncompleteSignatureException";
  const std::string mismatch = "does not match the signature you provided";
  const std::vector<Row> table = {
      {"no signature", remove("Authorization"), 403, "MissingAuthenticationTokenException",
       "Missing Authentication Token"},
      {"another scheme", set("Authorization", "Basic dTpw"), 400, incomplete, "AWS4-HMAC-SHA256"},
      {"the asymmetric algorithm", authorization("HMAC-SHA256", "ECDSA-P256-SHA256"), 400, incomplete,
       "AWS4-HMAC-SHA256"},
      {"an empty header", set("Authorization", ""), 400, incomplete, "AWS4-HMAC-SHA256"},
      {"two headers", add("Authorization", "AWS4-HMAC-SHA256 x"), 400, incomplete, "exactly one"},
      {"no Signature", authorization(", Signature=", ", X="), 400, incomplete, "three parameters"},
      {"an empty Signature", authorization("Signature=", "Signature=,Sig="), 400, incomplete, "three parameters"},
      {"two Credentials", authorization("Credential=", "Credential=a/b/c/d/aws4_request, Credential="), 400, incomplete,
       "once"},
      {"a short credential", authorization("/lambda/aws4_request", "/aws4_request"), 400, incomplete,
       "5 slash-delimited"},
      {"another terminator", authorization("aws4_request", "aws5_request"), 400, incomplete, "5 slash-delimited"},
      {"another service", authorization("/lambda/", "/s3/"), 403, wrong, "correct service: 'lambda'"},
      {"another region", authorization("us-east-1", "us-east-2"), 403, wrong, mismatch},
      {"another date in the scope", authorization("20150830", "20150829"), 403, wrong, "'20150829' != '20150830'"},
      {"no date", remove("X-Amz-Date"), 400, incomplete, "X-Amz-Date"},
      {"a date of another form", set("X-Amz-Date", "2015-08-30T12:36:00Z"), 400, incomplete, "basic format"},
      {"a day that does not exist", set("X-Amz-Date", "20150230T123600Z"), 400, incomplete, "basic format"},
      {"two dates", add("X-Amz-Date", "20150830T123601Z"), 400, incomplete, "once only"},
      {"an unsigned x-amz field", add("x-amz-log-type", "Tail"), 403, wrong, "'x-amz-log-type'"},
      {"host is not signed", authorization("SignedHeaders=host;", "SignedHeaders="), 403, wrong, "'Host'"},
      {"names in disorder", authorization("host;x-amz-content-sha256", "x-amz-content-sha256;host"), 400, incomplete,
       "sorted"},
      {"a name in upper case", authorization("=host", "=Host"), 400, incomplete, "lower-case"},
      {"a name twice", authorization("=host;", "=host;host;"), 400, incomplete, "each once"},
      {"a signed field that is gone", authorization("=host;", "=accept;host;"), 403, wrong, "does not have"},
      {"another body", [](SignedRequest& request) { request.body += " "; }, 403, wrong, "x-amz-content-sha256"},
      {"another body and its hash",
       [](SignedRequest& request) {
         request.body = "x";
         *request.field("X-Amz-Content-Sha256") = to_hex(sha256("x"));
       },
       403, wrong, mismatch},
      {"an unsigned payload", set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), 403, wrong, "SHA-256 of the body"},
      {"a hash in upper case", set("X-Amz-Content-Sha256", std::string(64, 'A')), 403, wrong, "lower-case"},
      {"another method", [](SignedRequest& request) { request.method = "GET"; }, 403, wrong, mismatch},
      {"another path", [](SignedRequest& request) { replace(request.target, "a%3Ab", "a%3Ac"); }, 403, wrong, mismatch},
      {"another spelling of the path", [](SignedRequest& request) { replace(request.target, "a%3Ab", "a:b"); }, 403,
       wrong, mismatch},
      {"another query", [](SignedRequest& request) { request.target += "2"; }, 403, wrong, mismatch},
      {"one parameter more", [](SignedRequest& request) { request.target += "&x"; }, 403, wrong, mismatch},
      {"another host", set("Host", "localhost:4600"), 403, wrong, mismatch},
      {"another signed field", set("X-Amz-Invocation-Type", "DryRun"), 403, wrong, mismatch},
      {"a signed field twice", add("X-Amz-Invocation-Type", "Event"), 403, wrong, mismatch},
      {"another signature", authorization("Signature=", "Signature=0"), 403, wrong, mismatch},
      {"an unknown key", authorization(kKey, "AKIDOTHER"), 403, wrong, mismatch},
      {"both mechanisms", [](SignedRequest& request) { request.target += "&X-Amz-Signature=a"; }, 400, incomplete,
       "Only one"},
  };
  for (const auto& row : table) {
    auto request = signed_request();
    ASSERT_EQ(verify(request).status, 200);
    row.change(request);
    auto outcome = verify(request);
    EXPECT_EQ(outcome.status, row.status) << row.name << ": " << outcome.message;
    EXPECT_EQ(outcome.code, row.code) << row.name << ": " << outcome.message;
    EXPECT_THAT(outcome.message, HasSubstr(row.message)) << row.name;
  }
}

TEST_F(SigV4, TellsAnUnknownKeyAndAWrongSignatureInTheSameWords) {
  auto unknown = signed_request();
  replace(*unknown.field("Authorization"), kKey, "AKIDUNKNOWN");
  auto wrong = signed_request();
  auto& authorization = *wrong.field("Authorization");
  authorization.back() = authorization.back() == '0' ? '1' : '0';
  auto first = verify(unknown);
  auto second = verify(wrong);
  EXPECT_EQ(first.status, second.status);
  EXPECT_EQ(first.code, second.code);
  EXPECT_EQ(first.message, second.message);
}

TEST_F(SigV4, HoldsTheTimes) {
  auto request = signed_request();
  auto start = clock_.now;
  clock_.now = start + std::chrono::minutes(5);
  EXPECT_EQ(verify(request).status, 200);
  clock_.now += std::chrono::seconds(1);
  EXPECT_EQ(verify(request).message,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)");
  clock_.now = start - std::chrono::minutes(5);
  EXPECT_EQ(verify(request).status, 200);
  clock_.now -= std::chrono::seconds(1);
  EXPECT_EQ(verify(request).message,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 "
            "min.)");
  EXPECT_EQ(verify(request).code, "InvalidSignatureException");

  clock_.now = start;
  auto s3 = signed_request("s3");
  clock_.now = start + std::chrono::minutes(15);
  EXPECT_EQ(verify(s3, sigv4_rules("s3")).status, 200);
  clock_.now += std::chrono::seconds(1);
  EXPECT_EQ(verify(s3, sigv4_rules("s3")).code, "RequestTimeTooSkewed");

  clock_.now = start;
  auto presigned = presigned_request();
  clock_.now = start + std::chrono::seconds(600);
  EXPECT_EQ(verify(presigned).status, 200);
  clock_.now += std::chrono::seconds(1);
  EXPECT_THAT(verify(presigned).message, StartsWith("Signature expired"));
}

TEST_F(SigV4, RefusesPresignedRequestsThatProveNothing) {
  struct Row {
    std::string from, to;
    int status;
    std::string message;
  };
  for (const auto& row : std::vector<Row>{
           {"&X-Amz-Signature=", "&X=", 400, "'X-Amz-Signature'"},
           {"X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", 400, "'X-Amz-Algorithm'"},
           {"HMAC-SHA256", "HMAC-SHA1", 400, "X-Amz-Algorithm must be"},
           {"&X-Amz-Expires=600", "", 400, "'X-Amz-Expires'"},
           {"X-Amz-Expires=600", "X-Amz-Expires=604801", 400, "1 to 604800"},
           {"X-Amz-Expires=600", "X-Amz-Expires=0", 400, "1 to 604800"},
           {"X-Amz-Expires=600", "X-Amz-Expires=-1", 400, "1 to 604800"},
           {"X-Amz-Expires=600", "X-Amz-Expires=600s", 400, "1 to 604800"},
           {"X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=600", 400, "exactly once"},
           {"X-Amz-Credential=", "X-Amz-Credential=%", 400, "percent-encoded"},
           {"%2Faws4_request", "", 400, "5 slash-delimited"},
           {"X-Amz-Expires=600", "X-Amz-Expires=601", 403, "does not match"},
           {"/a/b?", "/a/c?", 403, "does not match"},
           {"c=d", "c=e", 403, "does not match"},
           {"SignedHeaders=host", "SignedHeaders=accept", 403, "'Host'"},
       }) {
    auto request = presigned_request();
    ASSERT_EQ(verify(request).status, 200);
    replace(request.target, row.from, row.to);
    auto outcome = verify(request);
    EXPECT_EQ(outcome.status, row.status) << row.from << " -> " << row.to << ": " << outcome.message;
    EXPECT_THAT(outcome.message, HasSubstr(row.message)) << row.from << " -> " << row.to;
  }
  auto with_body = presigned_request();
  with_body.body = "x";
  EXPECT_EQ(verify(with_body).status, 403);
}

TEST_F(SigV4, ChecksTheTokenOfATemporaryKey) {
  key_.session_token = "token";
  EXPECT_EQ(verify(signed_request()).code, "UnrecognizedClientException");
  credentials_.session_token = "other";
  EXPECT_EQ(verify(signed_request()).code, "UnrecognizedClientException");
  EXPECT_EQ(verify(signed_request("s3"), sigv4_rules("s3")).code, "InvalidToken");
  credentials_.session_token = "token";
  EXPECT_EQ(verify(signed_request()).status, 200);
  EXPECT_EQ(verify(presigned_request()).status, 200);
  key_.expires = clock_.now;
  EXPECT_EQ(verify(signed_request()).code, "ExpiredTokenException");
  key_ = {kSecret, "", {}};
  EXPECT_EQ(verify(signed_request()).code, "UnrecognizedClientException");
}

TEST_F(SigV4, UsesTheCodesOfTheService) {
  auto wrong = [&](std::string service) {
    auto request = signed_request(service);
    request.method = "PUT";
    return verify(request, sigv4_rules(service)).code;
  };
  EXPECT_EQ(wrong("lambda"), "InvalidSignatureException");
  EXPECT_EQ(wrong("cloudformation"), "SignatureDoesNotMatch");
  EXPECT_EQ(wrong("s3"), "SignatureDoesNotMatch");
  SignedRequest none;
  EXPECT_EQ(verify(none, sigv4_rules("sts")).code, "MissingAuthenticationToken");
  EXPECT_EQ(verify(none, sigv4_rules("s3")).code, "AccessDenied");
  auto body = signed_request("s3");
  body.body = "x";
  EXPECT_EQ(verify(body, sigv4_rules("s3")).code, "XAmzContentSHA256Mismatch");
  auto rules = sigv4_rules("lambda");
  rules.region = "eu-west-1";
  EXPECT_THAT(verify(signed_request(), rules).message, HasSubstr("'eu-west-1'"));
}

TEST_F(SigV4, ForgetsASigningKeyWhenItsSecretChanges) {
  auto request = signed_request();
  EXPECT_EQ(verify(request).status, 200);
  EXPECT_EQ(verify(request).status, 200);
  key_.secret = "another";
  EXPECT_EQ(verify(request).status, 403);
  credentials_.secret = "another";
  EXPECT_EQ(verify(signed_request()).status, 200);
  EXPECT_EQ(identity_.access_key, kKey);
  EXPECT_EQ(identity_.region, "us-east-1");
  EXPECT_EQ(identity_.service, "lambda");
  EXPECT_EQ(identity_.date, "20150830");
  EXPECT_EQ(identity_.payload, "");
}

TEST_F(SigV4, NamesTheServiceOfAnUnverifiedRequest) {
  std::vector<http::Field> storage;
  auto header = signed_request("sqs");
  EXPECT_EQ(sigv4_service(header.view(storage)), "sqs");
  EXPECT_TRUE(has_sigv4(header.view(storage)));
  auto query = presigned_request("s3");
  EXPECT_EQ(sigv4_service(query.view(storage)), "s3");
  EXPECT_TRUE(has_sigv4(query.view(storage)));
  SignedRequest none;
  none.fields = {{"Authorization", "Bearer x"}};
  EXPECT_EQ(sigv4_service(none.view(storage)), "");
  EXPECT_FALSE(has_sigv4(none.view(storage)));
}

TEST_F(SigV4, TakesWhatBotocoreSigns) {
  for (const auto& vector : testing::sigv4_vectors()) {
    key_.session_token = vector.token;
    SignedRequest request{vector.method, vector.target, vector.fields, vector.body};
    auto outcome = verify(request, sigv4_rules(vector.service));
    EXPECT_EQ(outcome.status, 200) << vector.name << ": " << outcome.message;
    request.method = "BREW";
    EXPECT_EQ(verify(request, sigv4_rules(vector.service)).status, 403) << vector.name;
  }
}

// The examples of the S3 API reference, "Signature Calculations for the Authorization Header" and "Query Parameters".
TEST_F(SigV4, TakesTheExamplesOfTheS3Reference) {
  SigV4Verifier verifier([](std::string_view) { return AccessKey{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", {}}; },
                         clock_);
  clock_.now = sigv4::parse_time("20130524T000000Z").value();
  const std::string empty = to_hex(sha256(""));
  SignedRequest get{"GET",
                    "/test.txt",
                    {{"Host", "examplebucket.s3.amazonaws.com"},
                     {"Range", "bytes=0-9"},
                     {"x-amz-content-sha256", empty},
                     {"x-amz-date", "20130524T000000Z"},
                     {"Authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}},
                    ""};
  std::vector<http::Field> storage;
  auto identity = verifier.verify(get.view(storage), sigv4_rules("s3"));
  EXPECT_TRUE(identity) << identity.error().message;
  SignedRequest presigned{
      "GET",
      "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%"
      "2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      {{"Host", "examplebucket.s3.amazonaws.com"}},
      ""};
  identity = verifier.verify(presigned.view(storage), sigv4_rules("s3"));
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->payload, "UNSIGNED-PAYLOAD");
}

TEST_F(SigV4, SignsWhatItVerifies) {
  for (std::string service : {"lambda", "s3", "sqs", "cloudformation"}) {
    for (std::string target : {"/", "/a%20b/%2F/../c/?x=%2B&x=a&y", "/%C3%A9?b=2&a=1", "//x//"}) {
      http::ClientRequest request;
      request.method = "PUT";
      request.target = target;
      request.fields = {{"Host", "h"}, {"Content-Type", "a/b;  c=\"d   e\""}, {"x-amz-meta-a", "1"}};
      request.body = "body";
      ASSERT_TRUE(sigv4_sign(request, credentials_, sigv4_rules(service), clock_.now));
      auto outcome = verify({request.method, request.target, request.fields, request.body}, sigv4_rules(service));
      EXPECT_EQ(outcome.status, 200) << service << " " << target << ": " << outcome.message;
    }
  }
  http::ClientRequest without_host;
  EXPECT_FALSE(sigv4_sign(without_host, credentials_, sigv4_rules("lambda"), clock_.now));
  EXPECT_FALSE(sigv4_presign(without_host, credentials_, sigv4_rules("lambda"), clock_.now, std::chrono::seconds(1)));
}

}  // namespace
}  // namespace virga::dialects::aws
