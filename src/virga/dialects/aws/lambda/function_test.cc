#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;

const std::string kArn = "arn:aws:lambda:eu-west-1:123456789012:function:f";

TEST(LambdaFunctions, AreCreatedAndReadBack) {
  LambdaWorld world;
  auto created = world.create("f", R"(,"Description":"d","Timeout":7,"MemorySize":256,"Tags":{"k":"v"},)"
                                   R"("Environment":{"Variables":{"KEY":"value"}},"VpcConfig":{"SubnetIds":[]},)"
                                   R"("Unknown":1,"VirgaConfig":{"Network":"egress"})");
  ASSERT_EQ(created.status, 201) << created.body;
  auto configuration = created.json();
  EXPECT_EQ(created.text("FunctionArn"), kArn);
  EXPECT_EQ(created.text("Version"), "$LATEST");
  EXPECT_EQ(created.text("State"), "Active");
  EXPECT_EQ(created.text("LastUpdateStatus"), "Successful");
  EXPECT_EQ(created.text("Timeout"), "7");
  EXPECT_EQ(created.text("MemorySize"), "256");
  EXPECT_EQ(created.text("Environment"), R"({"Variables":{"KEY":"value"}})");
  EXPECT_EQ(created.text("Architectures"), R"(["x86_64"])");
  EXPECT_EQ(created.text("VirgaConfig"), R"({"Network":"egress","Concurrency":1})");
  EXPECT_EQ(created.text("LoggingConfig"), R"({"LogFormat":"Text","LogGroup":"/aws/lambda/f"})");
  EXPECT_EQ(created.text("LastModified"), "2023-11-14T22:13:20.000+0000");

  auto read = world.send("GET", "/2015-03-31/functions/f");
  EXPECT_EQ(read.json().at("Configuration").as_object(), configuration);
  EXPECT_EQ(read.text("Tags"), R"({"k":"v"})");
  EXPECT_FALSE(read.json().contains("Concurrency"));
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f/configuration").json(), configuration);

  auto again = world.create("f");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.message(), "Function already exist: f");
}

TEST(LambdaFunctions, GiveTheirCodeToWhoAsksInTime) {
  LambdaWorld world;
  world.create("f");
  auto code = world.send("GET", "/2015-03-31/functions/f").json().at("Code").as_object();
  std::string location(code.at("Location").as_string());
  ASSERT_TRUE(location.starts_with("http://127.0.0.1:4600/_virga/packages/"));
  std::string target = location.substr(std::string("http://127.0.0.1:4600").size());
  auto download = world.send("GET", target);
  EXPECT_EQ(download.status, 200);
  EXPECT_EQ(to_base64(download.body), LambdaWorld::zip());
  std::string forged = target;
  forged.back() = forged.back() == '0' ? '1' : '0';
  EXPECT_EQ(world.send("GET", forged).status, 403);
  EXPECT_EQ(world.send("GET", target.substr(0, target.find('?'))).status, 403);
  world.tests.clock.turn(std::chrono::seconds(601));
  EXPECT_EQ(world.send("GET", target).status, 403);
}

TEST(LambdaFunctions, TakeTheConcurrencyOfAnInstanceUnderBothNames) {
  LambdaWorld world;
  std::string provider = R"({"LambdaManagedInstancesCapacityProviderConfig":{"CapacityProviderArn":"arn:x",)"
                         R"("PerExecutionEnvironmentMaxConcurrency":64}})";
  auto created = world.create("f", R"(,"CapacityProviderConfig":)" + provider);
  EXPECT_EQ(created.text("VirgaConfig"), R"({"Network":"lo","Concurrency":64})");
  EXPECT_EQ(created.text("CapacityProviderConfig"), provider);
  auto changed = world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"VirgaConfig":{"Concurrency":8}})");
  EXPECT_EQ(changed.text("VirgaConfig"), R"({"Network":"lo","Concurrency":8})");
}

TEST(LambdaFunctions, ChangeCodeAndSettings) {
  LambdaWorld world;
  auto created = world.create("f", R"(,"VpcConfig":{"SubnetIds":["subnet-1"]})");
  auto changed = world.send("PUT", "/2015-03-31/functions/f/configuration",
                            R"({"Timeout":9,"Runtime":"python3.11","VirgaConfig":{"Network":"none"},"KMSKeyArn":""})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.text("Timeout"), "9");
  EXPECT_EQ(changed.text("Runtime"), "python3.11");
  EXPECT_EQ(changed.text("VpcConfig"), R"({"SubnetIds":["subnet-1"]})");
  EXPECT_NE(changed.text("RevisionId"), created.text("RevisionId"));
  auto stale = world.send("PUT", "/2015-03-31/functions/f/configuration",
                          R"({"Timeout":1,"RevisionId":")" + created.text("RevisionId") + "\"}");
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.error_type, "PreconditionFailedException");

  std::string zip = LambdaWorld::zip("exports.handler = async () => 2");
  auto dry = world.send("PUT", "/2015-03-31/functions/f/code", R"({"DryRun":true,"ZipFile":")" + zip + "\"}");
  EXPECT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f/configuration").text("CodeSha256"), created.text("CodeSha256"));
  auto code = world.send("PUT", "/2015-03-31/functions/f/code", R"({"Publish":true,"ZipFile":")" + zip + "\"}");
  ASSERT_EQ(code.status, 200) << code.body;
  EXPECT_EQ(code.text("Version"), "1");
  EXPECT_EQ(code.text("FunctionArn"), kArn + ":1");
  EXPECT_NE(code.text("CodeSha256"), created.text("CodeSha256"));
}

TEST(LambdaFunctions, TakeCodeAndSettingsAtOnce) {
  LambdaWorld world;
  auto created = world.create("f", "");
  std::string zip = LambdaWorld::zip("exports.handler = async () => 2");
  auto target = "/2015-03-31/functions/f/deployment";
  auto refused = world.send("PUT", target, R"({"Timeout":9000,"ZipFile":")" + zip + "\"}");
  EXPECT_EQ(refused.status, 400);
  auto broken = world.send("PUT", target, R"({"Timeout":9,"ZipFile":"bm8gemlw"})");
  EXPECT_EQ(broken.status, 400) << broken.body;
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f/configuration").text("RevisionId"), created.text("RevisionId"));

  auto both = world.send("PUT", target, R"({"Timeout":9,"ZipFile":")" + zip + "\"}");
  ASSERT_EQ(both.status, 200) << both.body;
  EXPECT_EQ(both.text("Timeout"), "9");
  EXPECT_NE(both.text("CodeSha256"), created.text("CodeSha256"));
  auto settings = world.send("PUT", target, R"({"Timeout":10})");
  EXPECT_EQ(settings.text("Timeout"), "10");
  EXPECT_EQ(settings.text("CodeSha256"), both.text("CodeSha256"));
}

TEST(LambdaFunctions, ArePreparedBeforeAChangeShows) {
  LambdaWorld world;
  world.create("f");
  auto& prepared = world.deployments.prepared;
  ASSERT_EQ(prepared.size(), 1u);
  EXPECT_EQ(prepared[0].config.handler, "index.handler");
  EXPECT_EQ(prepared[0].config.runtime, "nodejs20.x");
  EXPECT_FALSE(prepared[0].package.id.text().empty());

  std::string code = R"({"ZipFile":")" + LambdaWorld::zip("other") + "\"";
  world.send("PUT", "/2015-03-31/functions/f/code", code + R"(,"DryRun":true})");
  EXPECT_EQ(prepared.size(), 1u);
  world.send("PUT", "/2015-03-31/functions/f/code", code + "}");
  ASSERT_EQ(prepared.size(), 2u);
  EXPECT_NE(prepared[1].package.id, prepared[0].package.id);

  world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Runtime":"python3.11","Handler":"app.f"})");
  ASSERT_EQ(prepared.size(), 3u);
  EXPECT_EQ(prepared[2].config.runtime, "python3.11");
  EXPECT_EQ(prepared[2].config.handler, "app.f");
  EXPECT_EQ(prepared[2].package.id, prepared[1].package.id);

  world.send("PUT", "/2015-03-31/functions/f/deployment",
             R"({"Handler":"app.g","ZipFile":")" + LambdaWorld::zip("third") + "\"}");
  ASSERT_EQ(prepared.size(), 4u);
  EXPECT_EQ(prepared[3].config.handler, "app.g");
  EXPECT_NE(prepared[3].package.id, prepared[2].package.id);
}

TEST(LambdaFunctions, AreListedInPages) {
  LambdaWorld world;
  for (const char* name : {"c", "a", "b"}) world.create(name);
  auto first = world.send("GET", "/2015-03-31/functions/?MaxItems=2");
  EXPECT_EQ(first.json().at("Functions").as_array().size(), 2u);
  auto second =
      world.send("GET", "/2015-03-31/functions?MaxItems=2&Marker=" + percent_encode(first.text("NextMarker")));
  ASSERT_EQ(second.json().at("Functions").as_array().size(), 1u);
  EXPECT_EQ(second.json().at("Functions").at(0).at("FunctionName").as_string(), "c");
  EXPECT_FALSE(second.json().contains("NextMarker"));
  world.send("POST", "/2015-03-31/functions/a/versions", "{}");
  auto all = world.send("GET", "/2015-03-31/functions?FunctionVersion=ALL");
  EXPECT_EQ(all.json().at("Functions").as_array().size(), 4u);
}

TEST(LambdaFunctions, AreDeletedWithTheirVersions) {
  LambdaWorld world;
  world.create("f");
  world.send("POST", "/2015-03-31/functions/f/versions", "{}");
  EXPECT_EQ(world.send("DELETE", "/2015-03-31/functions/f?Qualifier=$LATEST").status, 400);
  EXPECT_EQ(world.send("DELETE", "/2015-03-31/functions/f?Qualifier=1").status, 204);
  EXPECT_EQ(world.send("DELETE", "/2015-03-31/functions/f?Qualifier=1").status, 404);
  EXPECT_EQ(world.send("DELETE", "/2015-03-31/functions/f").status, 204);
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f").status, 404);
}

TEST(LambdaFunctions, HaveTagsConcurrencyAndUrls) {
  LambdaWorld world;
  world.create("f");
  std::string tags = "/2017-03-31/tags/" + percent_encode(kArn);
  EXPECT_EQ(world.send("POST", tags, R"({"Tags":{"a":"1","b":"2"}})").status, 204);
  EXPECT_EQ(world.send("DELETE", tags + "?tagKeys=a&tagKeys=c").status, 204);
  EXPECT_EQ(world.send("GET", tags).body, R"({"Tags":{"b":"2"}})");
  EXPECT_EQ(world.send("DELETE", tags).status, 400);

  EXPECT_EQ(world.send("PUT", "/2017-10-31/functions/f/concurrency", R"({"ReservedConcurrentExecutions":901})").status,
            400);
  EXPECT_EQ(world.send("GET", "/2019-09-30/functions/f/concurrency").body, "{}");
  EXPECT_EQ(world.send("PUT", "/2017-10-31/functions/f/concurrency", R"({"ReservedConcurrentExecutions":5})").status,
            200);
  EXPECT_EQ(world.send("GET", "/2019-09-30/functions/f/concurrency").body, R"({"ReservedConcurrentExecutions":5})");
  EXPECT_EQ(world.send("GET", "/2015-03-31/functions/f").text("Concurrency"), R"({"ReservedConcurrentExecutions":5})");
  EXPECT_EQ(world.send("DELETE", "/2017-10-31/functions/f/concurrency").status, 204);

  std::string url = "/2021-10-31/functions/f/url";
  EXPECT_EQ(world.send("GET", url).status, 404);
  EXPECT_EQ(world.send("POST", url, "{}").error_type, "ValidationException");
  auto made = world.send("POST", url, R"({"AuthType":"NONE","Cors":{"AllowOrigins":["*"],"MaxAge":5}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("FunctionUrl"), "http://127.0.0.1:4600/fn/f/");
  EXPECT_EQ(world.send("POST", url, R"({"AuthType":"NONE"})").status, 409);
  EXPECT_EQ(world.send("PUT", url, R"({"AuthType":"AWS_IAM","Cors":{}})").text("AuthType"), "AWS_IAM");
  EXPECT_FALSE(world.send("GET", url).json().contains("Cors"));
  EXPECT_EQ(world.send("GET", "/2021-10-31/functions/f/urls").json().at("FunctionUrlConfigs").as_array().size(), 1u);
  EXPECT_EQ(world.send("DELETE", url).status, 204);
  EXPECT_EQ(world.send("DELETE", url).status, 404);
}

TEST(LambdaFunctions, KeepAPolicy) {
  LambdaWorld world;
  world.create("f");
  std::string policy = "/2015-03-31/functions/f/policy";
  EXPECT_EQ(world.send("GET", policy).status, 404);
  EXPECT_EQ(world.send("POST", policy, R"({"StatementId":"a b","Action":"x","Principal":"*"})").status, 400);
  std::string statement = R"({"StatementId":"s1","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com",)"
                          R"("SourceArn":"arn:aws:s3:::b"})";
  auto added = world.send("POST", policy, statement);
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_NE(added.text("Statement").find(R"("Principal":{"Service":"s3.amazonaws.com"})"), std::string::npos);
  EXPECT_EQ(world.send("POST", policy, statement).status, 409);
  auto read = world.send("GET", policy);
  EXPECT_NE(read.text("Policy").find(R"("Resource":")" + kArn + "\""), std::string::npos);
  EXPECT_EQ(world.send("DELETE", policy + "/s1?RevisionId=wrong").status, 412);
  EXPECT_EQ(world.send("DELETE", policy + "/s2").status, 404);
  EXPECT_EQ(world.send("DELETE", policy + "/s1?RevisionId=" + read.text("RevisionId")).status, 204);
  EXPECT_EQ(world.send("GET", policy).status, 404);
}

TEST(LambdaAccount, ShowsLimitsAndUse) {
  LambdaWorld world;
  world.create("f");
  auto settings = world.send("GET", "/2016-08-19/account-settings/").json();
  EXPECT_EQ(settings.at("AccountLimit").at("ConcurrentExecutions").to_number<int>(), 1000);
  EXPECT_EQ(settings.at("AccountUsage").at("FunctionCount").to_number<int>(), 1);
}

}  // namespace
}  // namespace virga::dialects::aws
