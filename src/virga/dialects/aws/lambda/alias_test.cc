#include "virga/dialects/testing/lambda_world.h"

namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;

const std::string kAliases = "/2015-03-31/functions/f/aliases";
const std::string kVersions = "/2015-03-31/functions/f/versions";

TEST(LambdaVersions, ArePublishedOnceForTheSameState) {
  LambdaWorld world;
  auto created = world.create("f");
  auto wrong = world.send("POST", kVersions, R"({"CodeSha256":"x"})");
  EXPECT_EQ(wrong.error_type, "InvalidParameterValueException");
  EXPECT_NE(wrong.message().find(created.text("CodeSha256")), std::string::npos);
  auto first =
      world.send("POST", kVersions, R"({"Description":"one","CodeSha256":")" + created.text("CodeSha256") + "\"}");
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(first.text("Version"), "1");
  EXPECT_EQ(first.text("Description"), "one");
  EXPECT_EQ(world.send("POST", kVersions).text("Version"), "1");
  world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Timeout":5})");
  EXPECT_EQ(world.send("POST", kVersions, "{}").text("Version"), "2");
}

TEST(LambdaVersions, AreListedLatestFirstInPages) {
  LambdaWorld world;
  world.create("f");
  for (const char* timeout : {"4", "5", "6"}) {
    world.send("PUT", "/2015-03-31/functions/f/configuration", std::string(R"({"Timeout":)") + timeout + "}");
    world.send("POST", kVersions, "{}");
  }
  std::string seen, marker;
  do {
    auto page = world.send("GET", kVersions + "?MaxItems=2&Marker=" + percent_encode(marker));
    for (const auto& version : page.json().at("Versions").as_array()) {
      seen += std::string(version.at("Version").as_string()) + " ";
    }
    marker = page.json().contains("NextMarker") ? page.text("NextMarker") : "";
  } while (!marker.empty());
  EXPECT_EQ(seen, "$LATEST 1 2 3 ");
}

TEST(LambdaAliases, RefuseWhatCannotBe) {
  LambdaWorld world;
  world.create("f");
  world.send("POST", kVersions, "{}");
  for (auto [body, type] :
       {std::pair("{}", "ValidationException"),
        std::pair(R"({"Name":"7","FunctionVersion":"1"})", "ValidationException"),
        std::pair(R"({"Name":"a","FunctionVersion":"x"})", "ValidationException"),
        std::pair(R"({"Name":"a","FunctionVersion":"9"})", "ResourceNotFoundException"),
        std::pair(R"({"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":1.5}}})",
                  "ValidationException"),
        std::pair(R"({"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":1e400}}})",
                  "ValidationException"),
        std::pair(
            R"({"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5,"3":0.1}}})",
            "SerializationException"),
        std::pair(R"({"Name":"a","FunctionVersion":"$LATEST","RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}})",
                  "InvalidParameterValueException")}) {
    auto reply = world.send("POST", kAliases, body);
    EXPECT_EQ(reply.error_type, type) << body << reply.body;
  }
  EXPECT_EQ(world.send("GET", kAliases).text("Aliases"), "[]");
}

TEST(LambdaAliases, PointToVersions) {
  LambdaWorld world;
  world.create("f");
  world.send("POST", kVersions, "{}");
  world.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Timeout":5})");
  world.send("POST", kVersions, "{}");
  auto made =
      world.send("POST", kAliases,
                 R"({"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.05}}})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.text("AliasArn"), "arn:aws:lambda:eu-west-1:123456789012:function:f:live");
  EXPECT_NE(made.body.find(R"("RoutingConfig":{"AdditionalVersionWeights":{"2":0.05}})"), std::string::npos);
  EXPECT_EQ(world.send("POST", kAliases, R"({"Name":"live","FunctionVersion":"1"})").status, 409);
  auto through = world.send("GET", "/2015-03-31/functions/f%3Alive/configuration");
  EXPECT_EQ(through.text("Version"), "1");
  EXPECT_EQ(through.text("FunctionArn"), "arn:aws:lambda:eu-west-1:123456789012:function:f:live");
  EXPECT_EQ(world.send("DELETE", "/2015-03-31/functions/f?Qualifier=1").status, 409);

  auto moved = world.send("PUT", kAliases + "/live", R"({"FunctionVersion":"2","RoutingConfig":{}})");
  EXPECT_EQ(moved.text("FunctionVersion"), "2");
  EXPECT_FALSE(moved.json().contains("RoutingConfig"));
  EXPECT_EQ(world.send("PUT", kAliases + "/none", "{}").message(),
            "Cannot find alias arn: arn:aws:lambda:eu-west-1:123456789012:function:f:none");
  world.send("POST", kAliases, R"({"Name":"beta","FunctionVersion":"$LATEST"})");
  auto page = world.send("GET", kAliases + "?MaxItems=1");
  EXPECT_EQ(page.text("NextMarker"), "beta");
  EXPECT_EQ(world.send("GET", kAliases + "?Marker=beta").json().at("Aliases").at(0).at("Name").as_string(), "live");
  EXPECT_EQ(world.send("GET", kAliases + "?FunctionVersion=2").json().at("Aliases").as_array().size(), 1u);
  EXPECT_EQ(world.send("DELETE", kAliases + "/live").status, 204);
  EXPECT_EQ(world.send("DELETE", kAliases + "/live").status, 204);
}

TEST(LambdaAliases, WarmWhatTheyDoNotNameYet) {
  LambdaWorld world;
  world.create("f");
  for (const char* timeout : {"4", "5", "6"}) {
    world.send("PUT", "/2015-03-31/functions/f/configuration", std::string(R"({"Timeout":)") + timeout + "}");
    world.send("POST", kVersions, "{}");
  }
  world.send("POST", kAliases, R"({"Name":"live","FunctionVersion":"1"})");
  EXPECT_EQ(world.send("PUT", kAliases + "/live", R"({"Description":"x"})").status, 200);
  EXPECT_EQ(world.send("PUT", kAliases + "/live", R"({"FunctionVersion":"1"})").status, 200);
  EXPECT_EQ(world.send("PUT", kAliases + "/live", R"({"FunctionVersion":"9"})").status, 404);
  EXPECT_TRUE(world.invoker.warmed.empty());
  EXPECT_EQ(world.send("PUT", kAliases + "/live", R"({"FunctionVersion":"2"})").status, 200);
  std::string shared = R"({"RoutingConfig":{"AdditionalVersionWeights":{"3":0.1}}})";
  EXPECT_EQ(world.send("PUT", kAliases + "/live", shared).status, 200);
  EXPECT_EQ(world.send("PUT", kAliases + "/live", R"({"FunctionVersion":"3","RoutingConfig":{}})").status, 200);
  EXPECT_EQ(world.invoker.warmed, (std::vector<std::string>{"2 for 1", "3 for 2"}));
}

}  // namespace
}  // namespace virga::dialects::aws
