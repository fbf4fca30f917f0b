#include "virga/dialects/aws/s3/s3_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/s3/operations.h"
#include "virga/dialects/aws/s3/policy.h"
#include "virga/dialects/aws/s3/sigv2.h"
#include "virga/services/object/testing/object_world.h"

namespace virga::dialects::aws {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::optional<AccessKey> find_test_key(std::string_view id) {
  if (id != "AKID") return std::nullopt;
  return AccessKey{"secret", "", std::nullopt};
}

// Keeps what is sent to one kind of ARN.
class NotedTargets final : public events::TargetKind {
 public:
  bool takes(std::string_view arn) const override { return arn.starts_with("arn:noted:"); }
  Result<> check(std::string_view arn) const override {
    if (arn.ends_with("missing")) return fail(ErrorCode::NotFound, "there is no such target");
    return {};
  }
  Result<std::function<void()>> send(std::string_view, events::Parcel parcel, store::Batch&) override {
    return [this, parcel = std::move(parcel)] { parcels.push_back(parcel); };
  }
  std::vector<events::Parcel> parcels;
};

class S3Test : public ::testing::Test {
 protected:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Reply {
    int status = 0;
    std::string body;
    http::Response response;
    std::string field(std::string_view name) const { return std::string(response.field(name)); }
  };

  S3Test() {
    targets.add(noted);
    EXPECT_EQ(send("PUT", "/bucket").status, 200);
  }

  Reply send(std::string method, std::string target, std::string body = {}, Fields fields = {}) {
    return ask(std::move(method), std::move(target), std::move(body), std::move(fields), true);
  }
  Reply send_unsigned(std::string method, std::string target, std::string body = {}, Fields fields = {}) {
    return ask(std::move(method), std::move(target), std::move(body), std::move(fields), false);
  }

  services::object::testing::ObjectWorld world;
  events::Targets targets;
  NotedTargets noted;
  Account account{"us-east-1", "000000000000", "http://127.0.0.1:4600"};
  S3Api api{{*world.objects, *world.loop, targets, system_clock(), account, find_test_key}};

 private:
  Reply ask(std::string method, std::string target, std::string body, Fields fields, bool is_signed) {
    if (method == "PUT" || method == "POST") fields.emplace_back("Content-Length", std::to_string(body.size()));
    bool has_host = std::ranges::any_of(fields, [](const auto& field) { return field.first == "host"; });
    if (!has_host) fields.emplace_back("host", "127.0.0.1:4600");
    std::vector<http::Field> views;
    for (const auto& [name, value] : fields) views.push_back({name, value});
    http::Request request;
    request.method = method;
    request.target = target;
    std::string_view text = target;
    request.path = text.substr(0, text.find('?'));
    if (request.path.size() < text.size()) request.query = text.substr(request.path.size() + 1);
    request.fields = views;
    request.body = body;
    Identity identity;
    identity.access_key = "AKID";
    auto response = world.wait(is_signed ? api.answer(request, identity, "id") : api.answer_unsigned(request, "id"));
    Reply reply;
    reply.status = response.status;
    reply.body = response.body;
    reply.response = std::move(response);
    return reply;
  }
};

TEST_F(S3Test, RefusesAsS3Does) {
  struct Row {
    std::string method, target;
    int status;
    std::string code;
    std::string body;
    Fields fields;
  };
  const std::vector<Row> table = {
      {"GET", "/nowhere/key", 404, "NoSuchBucket", "", {}},
      {"GET", "/bucket/key", 404, "NoSuchKey", "", {}},
      {"HEAD", "/nowhere", 404, "NoSuchBucket", "", {}},
      {"PUT", "/UPPER", 400, "InvalidBucketName", "", {}},
      {"PUT", "/192.168.1.1", 400, "InvalidBucketName", "", {}},
      {"PUT", "/metrics", 400, "InvalidBucketName", "", {}},
      {"PATCH", "/bucket", 405, "MethodNotAllowed", "", {}},
      {"PUT", "/bucket?policy", 501, "PutBucketPolicy", "{}", {}},
      {"GET", "/bucket?list-type=2&max-keys=x", 400, "InvalidArgument", "", {}},
      {"GET", "/bucket?list-type=2&continuation-token=%21", 400, "InvalidArgument", "", {}},
      {"GET", "/bucket?encoding-type=x", 400, "InvalidArgument", "", {}},
      {"GET", "/bucket?cors", 404, "NoSuchCORSConfiguration", "", {}},
      {"PUT", "/bucket?versioning", 400, "MalformedXML", "<a>", {}},
      {"PUT",
       "/bucket?versioning",
       400,
       "IllegalVersioningConfigurationException",
       "<VersioningConfiguration><Status>x</Status></VersioningConfiguration>",
       {}},
      {"PUT", "/bucket/key", 400, "InvalidDigest", "x", {{"Content-MD5", "x"}}},
      {"PUT", "/bucket/key", 400, "BadDigest", "x", {{"Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A=="}}},
      {"PUT", "/bucket/key", 400, "BadDigest", "x", {{"x-amz-checksum-crc32", "AAAAAA=="}}},
      {"PUT", "/bucket/key", 400, "InvalidRequest", "x", {{"x-amz-checksum-crc32", "A"}}},
      {"PUT", "/bucket/key", 400, "MetadataTooLarge", "x", {{"x-amz-meta-a", std::string(3000, 'x')}}},
      {"PUT", "/bucket/key", 400, "InvalidTag", "x", {{"x-amz-tagging", "a=1&a=2"}}},
      {"PUT", "/bucket/key", 404, "NoSuchKey", "x", {{"if-match", "y"}}},
      {"PUT", "/bucket/key?partNumber=0&uploadId=x", 400, "InvalidArgument", "x", {}},
      {"PUT", "/bucket/key?partNumber=1&uploadId=x", 404, "NoSuchUpload", "x", {}},
      {"POST", "/bucket/key?uploadId=x", 400, "MalformedXML", "<CompleteMultipartUpload/>", {}},
      {"POST", "/bucket?delete", 400, "MalformedXML", "<Delete/>", {}},
      {"PUT", "/bucket/key", 400, "InvalidArgument", "", {{"x-amz-copy-source", "nokey"}}},
      {"PUT", "/bucket/key", 404, "NoSuchKey", "", {{"x-amz-copy-source", "bucket/other"}}},
      {"PUT",
       "/bucket?notification",
       400,
       "MalformedXML",
       "<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>",
       {}},
  };
  for (const auto& row : table) {
    auto reply = send(row.method, row.target, row.body, row.fields);
    EXPECT_EQ(reply.status, row.status) << row.method << " " << row.target << "\n" << reply.body;
    EXPECT_THAT(reply.body, HasSubstr(row.code)) << row.method << " " << row.target;
  }
}

TEST_F(S3Test, KeysAreOpaque) {
  for (const std::string& key : {std::string("a"), std::string("../x"), std::string("a//b"), std::string("%2F"),
                                 std::string("a b+c"), std::string("dir/"), std::string("\xC3\xA9")}) {
    auto path = "/bucket/" + percent_encode(key, Slash::Keep);
    EXPECT_EQ(send("PUT", path, key).status, 200) << key;
    EXPECT_EQ(send("GET", path).body, key);
    EXPECT_THAT(send("GET", "/bucket?list-type=2&encoding-type=url").body,
                HasSubstr("<Key>" + percent_encode(key, Slash::Keep) + "</Key>"));
    EXPECT_EQ(send("DELETE", path).status, 204);
  }
  // The same bucket in the host's name.
  EXPECT_EQ(send("PUT", "/metrics", "x", {{"host", "bucket.localhost:4600"}}).status, 200);
  EXPECT_EQ(send("GET", "/bucket/metrics").body, "x");
}

TEST_F(S3Test, GivesWhatIsKnownOfAnObject) {
  auto put = send("PUT", "/bucket/key", "hello world",
                  {{"content-type", "text/plain"},
                   {"x-amz-meta-Own", "v"},
                   {"content-encoding", "aws-chunked,gzip"},
                   {"x-amz-tagging", "a=1"},
                   {"x-amz-checksum-crc32", "DUoRhQ=="}});
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.field("etag"), "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
  EXPECT_EQ(put.field("x-amz-checksum-crc32"), "DUoRhQ==");
  auto got = send("GET", "/bucket/key", "", {{"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(got.body, "hello world");
  EXPECT_EQ(got.field("content-type"), "text/plain");
  EXPECT_EQ(got.field("content-encoding"), "gzip");
  EXPECT_EQ(got.field("x-amz-meta-own"), "v");
  EXPECT_EQ(got.field("x-amz-tagging-count"), "1");
  EXPECT_EQ(got.field("x-amz-checksum-crc32"), "DUoRhQ==");
  auto part = send("GET", "/bucket/key", "", {{"range", "bytes=6-"}, {"x-amz-checksum-mode", "ENABLED"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "world");
  EXPECT_EQ(part.field("content-range"), "bytes 6-10/11");
  EXPECT_EQ(part.field("x-amz-checksum-crc32"), "");
  EXPECT_EQ(send("GET", "/bucket/key", "", {{"range", "bytes=11-"}}).status, 416);
  EXPECT_EQ(send("GET", "/bucket/key", "", {{"if-none-match", put.field("etag")}}).status, 304);
  EXPECT_EQ(send("GET", "/bucket/key", "", {{"if-match", "\"x\""}}).status, 412);
  auto other = send("GET", "/bucket/key?response-content-type=a%2Fb");
  EXPECT_EQ(other.field("content-type"), "a/b");
  EXPECT_EQ(other.response.fields.find("text/plain"), std::string::npos);
}

TEST_F(S3Test, EventsReachTheirTargets) {
  auto configuration = [](const std::string& target) {
    return "<NotificationConfiguration><QueueConfiguration><Id>i</Id><Queue>" + target +
           "</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value>"
           "</FilterRule><FilterRule><Name>suffix</Name><Value>.jpg</Value></FilterRule></S3Key></Filter>"
           "</QueueConfiguration></NotificationConfiguration>";
  };
  EXPECT_EQ(send("PUT", "/bucket?notification", configuration("arn:noted:missing")).status, 400);
  EXPECT_EQ(send("PUT", "/bucket?notification", configuration("arn:noted:a")).status, 200);
  EXPECT_THAT(send("GET", "/bucket?notification").body, HasSubstr("<Value>.jpg</Value>"));
  for (const auto* key : {"in/a.png", "out/a.jpg", "in/a%20b.jpg"}) {
    EXPECT_EQ(send("PUT", "/bucket/" + std::string(key), "x").status, 200);
  }
  EXPECT_EQ(send("DELETE", "/bucket/in/a%20b.jpg").status, 204);
  ASSERT_EQ(noted.parcels.size(), 2u);
  EXPECT_THAT(noted.parcels[0].body, HasSubstr(R"("Event":"s3:TestEvent")"));
  EXPECT_THAT(noted.parcels[0].body, HasSubstr(R"("Bucket":"bucket","RequestId":"id")"));
  EXPECT_THAT(noted.parcels[1].body, HasSubstr(R"("key":"in/a+b.jpg","size":1,"eTag":)"));
  EXPECT_THAT(noted.parcels[1].body, HasSubstr(R"("eventName":"ObjectCreated:Put")"));
  EXPECT_EQ(noted.parcels[1].source, "arn:aws:s3:::bucket");
  // A function learns nothing of it, nor does what is not to be looked at.
  auto for_function = configuration("arn:noted:a");
  for (auto at = for_function.find("Queue"); at != std::string::npos; at = for_function.find("Queue", at)) {
    for_function.replace(at, 5, "CloudFunction");
    at += 13;
  }
  EXPECT_EQ(send("PUT", "/bucket?notification", for_function).status, 200);
  EXPECT_EQ(send("PUT", "/bucket?notification", configuration("arn:noted:missing"),
                 {{"x-amz-skip-destination-validation", "true"}})
                .status,
            200);
  EXPECT_EQ(noted.parcels.size(), 2u);
}

TEST_F(S3Test, BrowsersOfOtherOriginsAreToldWhatTheyMay) {
  EXPECT_EQ(
      send("PUT", "/bucket?cors",
           "<CORSConfiguration><CORSRule><AllowedOrigin>http://*.a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
           "<AllowedHeader>x-*</AllowedHeader></CORSRule></CORSConfiguration>")
          .status,
      200);
  auto preflight = [&](const std::string& origin, const std::string& headers) {
    return send_unsigned(
        "OPTIONS", "/bucket/key", "",
        {{"origin", origin}, {"access-control-request-method", "GET"}, {"access-control-request-headers", headers}});
  };
  EXPECT_EQ(preflight("http://x.a", "X-One, x-two").status, 200);
  EXPECT_EQ(preflight("http://x.b", "").status, 403);
  EXPECT_EQ(preflight("http://x.a", "y-one").status, 403);
  EXPECT_EQ(send("GET", "/bucket", "", {{"origin", "http://x.a"}}).field("access-control-allow-origin"), "http://x.a");
  EXPECT_EQ(send("GET", "/bucket", "", {{"origin", "http://x.b"}}).field("access-control-allow-origin"), "");
}

TEST_F(S3Test, ABucketIsAWebSite) {
  Fields site{{"host", "bucket.website.localhost:4600"}};
  EXPECT_EQ(send_unsigned("GET", "/", "", site).status, 404);
  EXPECT_EQ(send("PUT", "/bucket?website",
                 "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>"
                 "no.html</Key></ErrorDocument></WebsiteConfiguration>")
                .status,
            200);
  for (const auto* key : {"index.html", "docs/index.html", "no.html", "app.js", "app.js.br"}) {
    EXPECT_EQ(
        send("PUT", "/bucket/" + std::string(key), key, {{"content-type", "text/html"}, {"cache-control", "max-age=1"}})
            .status,
        200);
  }
  auto index = send_unsigned("GET", "/", "", site);
  EXPECT_EQ(index.body, "index.html");
  EXPECT_EQ(index.field("cache-control"), "max-age=1");
  EXPECT_EQ(send_unsigned("GET", "/docs/", "", site).body, "docs/index.html");
  EXPECT_EQ(send_unsigned("GET", "/docs", "", site).field("location"), "/docs/");
  auto missing = send_unsigned("GET", "/nothing", "", site);
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, "no.html");
  auto packing = site;
  packing.emplace_back("accept-encoding", "gzip, br");
  auto packed = send_unsigned("GET", "/app.js", "", packing);
  EXPECT_EQ(packed.body, "app.js.br");
  EXPECT_EQ(packed.field("content-encoding"), "br");
  EXPECT_EQ(send_unsigned("GET", "/app.js", "", site).body, "app.js");
  EXPECT_EQ(send_unsigned("PUT", "/app.js", "x", site).status, 405);
}

TEST_F(S3Test, AWebSiteSendsItsVisitorsElsewhere) {
  auto configure = [&](const std::string& rules) {
    return send("PUT", "/bucket?website",
                "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument><RoutingRules>" + rules +
                    "</RoutingRules></WebsiteConfiguration>")
        .status;
  };
  auto rule = [](const std::string& condition, const std::string& redirect) {
    return "<RoutingRule><Condition>" + condition + "</Condition><Redirect>" + redirect + "</Redirect></RoutingRule>";
  };
  const std::string old = "<KeyPrefixEquals>old/</KeyPrefixEquals>";
  EXPECT_EQ(configure(rule(old, "")), 400);
  EXPECT_EQ(configure(rule("", "<HostName>h</HostName>")), 400);
  EXPECT_EQ(configure(rule(old, "<HttpRedirectCode>200</HttpRedirectCode>")), 400);
  EXPECT_EQ(configure(rule(old, "<Protocol>ftp</Protocol>")), 400);
  EXPECT_EQ(configure(rule(old, "<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith/>")), 400);
  EXPECT_EQ(configure(rule("<HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals>", "<HostName>h</HostName>")),
            400);
  EXPECT_EQ(
      configure(rule(old, "<ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>") +
                rule("<KeyPrefixEquals>one</KeyPrefixEquals>",
                     "<Protocol>https</Protocol><HostName>h</HostName><ReplaceKeyWith>b c</ReplaceKeyWith>"
                     "<HttpRedirectCode>307</HttpRedirectCode>") +
                rule("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>", "<HostName>other</HostName>")),
      200);
  EXPECT_EQ(send("PUT", "/bucket/new/a", "x").status, 200);
  struct Row {
    std::string path;
    int status;
    std::string location;
  };
  const std::vector<Row> table = {{"/old/a%20b", 301, "http://bucket.website.localhost:4600/new/a%20b"},
                                  {"/one/two", 307, "https://h/b%20c"},
                                  {"/missing", 301, "http://other/missing"},
                                  {"/new/a", 200, ""}};
  for (const auto& row : table) {
    auto reply = send_unsigned("GET", row.path, "", {{"host", "bucket.website.localhost:4600"}});
    EXPECT_EQ(reply.status, row.status) << row.path;
    EXPECT_EQ(reply.field("location"), row.location) << row.path;
  }
}

TEST_F(S3Test, NobodyIsLetInWithoutASignature) {
  EXPECT_EQ(send_unsigned("GET", "/bucket/key").status, 403);
  EXPECT_EQ(send_unsigned("PUT", "/bucket/key", "x").status, 403);
  EXPECT_EQ(send_unsigned("GET", "/bucket?AWSAccessKeyId=AKID&Expires=1&Signature=x").status, 403);
  auto expires = std::to_string(std::chrono::system_clock::to_time_t(system_clock().wall()) + 60);
  EXPECT_EQ(send("PUT", "/bucket/key", "x").status, 200);
  auto signature = s3::sigv2_signature("secret", "GET\n\n\n" + expires + "\n/bucket/key");
  auto query = "?AWSAccessKeyId=AKID&Expires=" + expires + "&Signature=";
  EXPECT_EQ(send_unsigned("GET", "/bucket/key" + query + percent_encode(signature)).body, "x");
  EXPECT_EQ(send_unsigned("DELETE", "/bucket/key" + query + percent_encode(signature)).status, 403);
  std::string form =
      "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--B\r\nContent-Disposition: form-data; "
      "name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--B--\r\n";
  EXPECT_EQ(send_unsigned("POST", "/bucket", form, {{"content-type", "multipart/form-data; boundary=B"}}).status, 400);
}

TEST(S3Policy, HoldsAFormToItsConditions) {
  WallTime now{std::chrono::seconds(1'700'000'000)};
  EXPECT_FALSE(s3::read_policy("", now));
  EXPECT_FALSE(s3::read_policy(R"({"expiration":"2020-01-01T00:00:00Z","conditions":[]})", now));
  auto policy = s3::read_policy(
      R"({"expiration":"2030-01-01T00:00:00Z","conditions":[{"bucket":"b"},["starts-with","$key","up/"],)"
      R"(["content-length-range",1,10]]})",
      now);
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->most, 10u);
  EXPECT_TRUE(s3::check_policy(*policy, {{"bucket", "b"}, {"key", "up/a"}, {"policy", "x"}}));
  EXPECT_FALSE(s3::check_policy(*policy, {{"bucket", "b"}, {"key", "down/a"}}));
  EXPECT_FALSE(s3::check_policy(*policy, {{"bucket", "c"}, {"key", "up/a"}}));
  EXPECT_FALSE(s3::check_policy(*policy, {{"bucket", "b"}, {"key", "up/a"}, {"acl", "public-read"}}));
}

}  // namespace
}  // namespace virga::dialects::aws
