#include "virga/dispatch/provisioned.h"

#include "virga/dialects/testing/lambda_world.h"

// Provisioned concurrency, and what goes with deploying: rollback and tags that are limits.
namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;

const std::string kProvisioned = "/2019-09-30/functions/f/provisioned-concurrency";

class LambdaProvisioned : public ::testing::Test {
 protected:
  LambdaProvisioned() { EXPECT_EQ(world_.create("f", R"(,"Publish":true)").status, 201); }
  LambdaWorld world_;
};

TEST_F(LambdaProvisioned, IsRefusedWhereThereCanBeNone) {
  struct Case {
    std::string method, query, body;
    int status;
    std::string type, says;
  };
  const std::string one = R"({"ProvisionedConcurrentExecutions":1})";
  for (const auto& c :
       {Case{"PUT", "", one, 400, "ValidationException", "'qualifier'"},
        Case{"PUT", "?Qualifier=$LATEST", one, 400, "InvalidParameterValueException", "unpublished"},
        Case{"PUT", "?Qualifier=7", one, 404, "ResourceNotFoundException", ":f:7"},
        Case{"PUT", "?Qualifier=1", "{}", 400, "ValidationException", "provisionedConcurrentExecutions"},
        Case{"PUT", "?Qualifier=1", R"({"ProvisionedConcurrentExecutions":0})", 400, "ValidationException",
             "greater than or equal to 1"},
        Case{"PUT", "?Qualifier=1", R"({"ProvisionedConcurrentExecutions":1001})", 400,
             "InvalidParameterValueException", "1001 of 1000"},
        Case{"GET", "?Qualifier=1", "", 404, "ProvisionedConcurrencyConfigNotFoundException",
             "No Provisioned Concurrency Config"},
        Case{"DELETE", "?Qualifier=1", "", 404, "ProvisionedConcurrencyConfigNotFoundException",
             "No Provisioned Concurrency Config"}}) {
    auto reply = world_.send(c.method, kProvisioned + c.query, c.body);
    EXPECT_EQ(reply.status, c.status) << c.method << c.query << c.body << reply.body;
    EXPECT_EQ(reply.error_type, c.type);
    EXPECT_NE(reply.message().find(c.says), std::string::npos) << reply.message();
  }
  EXPECT_EQ(world_.send("PUT", "/2017-10-31/functions/f/concurrency", R"({"ReservedConcurrentExecutions":2})").status,
            200);
  auto reply = world_.send("PUT", kProvisioned + "?Qualifier=1", R"({"ProvisionedConcurrentExecutions":3})");
  EXPECT_EQ(reply.error_type, "InvalidParameterValueException");
  EXPECT_NE(reply.message().find("2 are reserved"), std::string::npos) << reply.message();
}

TEST_F(LambdaProvisioned, IsKeptAndToldAsItStands) {
  auto put = world_.send("PUT", kProvisioned + "?Qualifier=1", R"({"ProvisionedConcurrentExecutions":3})");
  EXPECT_EQ(put.status, 202) << put.body;
  EXPECT_EQ(put.text("Status"), "IN_PROGRESS");
  EXPECT_EQ(put.text("RequestedProvisionedConcurrentExecutions"), "3");
  world_.invoker.provisioned_counts = {3, 1, "it did not load"};
  auto failed = world_.send("GET", kProvisioned + "?Qualifier=1");
  EXPECT_EQ(failed.text("Status"), "FAILED");
  EXPECT_EQ(failed.text("StatusReason"), "it did not load");
  EXPECT_EQ(failed.text("AvailableProvisionedConcurrentExecutions"), "1");
  world_.invoker.provisioned_counts = {3, 3, ""};
  ASSERT_TRUE(world_.tests.open()) << "and after a restart";
  EXPECT_EQ(world_.tests.catalog->function(model::FunctionName("f")).value()->attachments.size(), 1u);
}

TEST_F(LambdaProvisioned, IsListedAndTakenAway) {
  EXPECT_EQ(world_.send("POST", "/2015-03-31/functions/f/aliases", R"({"Name":"live","FunctionVersion":"1"})").status,
            201);
  for (const auto* qualifier : {"1", "live"}) {
    EXPECT_EQ(
        world_.send("PUT", kProvisioned + "?Qualifier=" + qualifier, R"({"ProvisionedConcurrentExecutions":2})").status,
        202);
  }
  auto list = world_.send("GET", kProvisioned + "?List=ALL").json()["ProvisionedConcurrencyConfigs"].as_array();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1].as_object()["FunctionArn"], "arn:aws:lambda:eu-west-1:123456789012:function:f:live");
  auto page = world_.send("GET", kProvisioned + "?List=ALL&MaxItems=1");
  EXPECT_EQ(page.text("NextMarker"), "1");
  EXPECT_EQ(world_.send("GET", kProvisioned + "?List=ALL&MaxItems=1&Marker=1").text("NextMarker"), "(absent)");
  EXPECT_EQ(world_.send("DELETE", kProvisioned + "?Qualifier=live").status, 204);
  EXPECT_EQ(world_.send("GET", kProvisioned + "?Qualifier=live").status, 404);
}

TEST_F(LambdaProvisioned, ARollbackGoesBackAndForth) {
  auto refused = world_.send("POST", "/2015-03-31/functions/f/rollback");
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.message().find("nothing to go back to"), std::string::npos);
  auto before = world_.send("GET", "/2015-03-31/functions/f/configuration");
  world_.send("PUT", "/2015-03-31/functions/f/configuration", R"({"Description":"newer","Timeout":9})");
  EXPECT_EQ(world_.invoker.taken_over_versions.size(), 1u) << "the deploy waits until it serves";
  auto back = world_.send("POST", "/2015-03-31/functions/f/rollback");
  EXPECT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(back.json()["From"].as_object()["Timeout"], 9);
  auto after = world_.send("GET", "/2015-03-31/functions/f/configuration");
  EXPECT_EQ(after.text("Timeout"), before.text("Timeout"));
  EXPECT_EQ(after.text("RevisionId"), before.text("RevisionId"));
  world_.send("POST", "/2015-03-31/functions/f/rollback");
  EXPECT_EQ(world_.send("GET", "/2015-03-31/functions/f/configuration").text("Timeout"), "9");
}

TEST_F(LambdaProvisioned, TagsThatAreNoLimitsAreRefused) {
  const std::string tags = "/2017-03-31/tags/arn:aws:lambda:eu-west-1:123456789012:function:f";
  auto refused = world_.send("POST", tags, R"({"Tags":{"virga:rate":"fast"}})");
  EXPECT_EQ(refused.error_type, "InvalidParameterValueException");
  EXPECT_NE(refused.message().find("such as 100"), std::string::npos) << refused.message();
  EXPECT_EQ(world_.send("POST", tags, R"({"Tags":{"virga:rate":"100"}})").status, 204);
}

}  // namespace
}  // namespace virga::dialects::aws
