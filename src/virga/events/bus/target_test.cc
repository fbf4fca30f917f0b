#include "virga/events/bus/target.h"

#include <gtest/gtest.h>

namespace virga::events {
namespace {

const std::string kEvent =
    R"({"version":"0","source":"shop","time":"2026-01-01T00:00:00Z","resources":["arn:a","arn:b"],)"
    R"("detail":{"name":"A \"B\"","price":1.50,"tags":["x","y"],"deep":{"a b":true}}})";

std::string input_for(const std::string& members) {
  auto target = RuleTarget::read(R"({"Id":"1","Arn":"arn:t")" + members + "}");
  if (!target) return "refused: " + target.error().message();
  auto event = json::parse(kEvent);
  return target->make_input({*event, "arn:rule", "r", "2026-01-01T00:00:01Z"});
}

TEST(RuleTarget, RefusesWhatIsNone) {
  for (const auto* json : {
           "",
           "[]",
           "{}",
           R"({"Id":"1"})",
           R"({"Id":1,"Arn":"a"})",
           R"({"Id":"1","Arn":"a","Input":"{"})",
           R"({"Id":"1","Arn":"a","InputPath":"detail"})",
           R"({"Id":"1","Arn":"a","InputPath":"$.a[b]"})",
           R"({"Id":"1","Arn":"a","InputPath":"$","Input":"1"})",
           R"({"Id":"1","Arn":"a","InputTransformer":{}})",
           R"({"Id":"1","Arn":"a","InputTransformer":{"InputPathsMap":{"x":"y"},"InputTemplate":"1"}})",
       }) {
    EXPECT_FALSE(RuleTarget::read(json)) << json;
  }
}

TEST(RuleTarget, MakesWhatItsTargetGets) {
  struct Case {
    const char* members;
    std::string input;
  };
  const Case cases[] = {
      {"", kEvent},
      {R"(,"Input":"[1, 2]")", "[1, 2]"},
      {R"(,"InputPath":"$")", kEvent},
      {R"(,"InputPath":"$.detail.price")", "1.50"},
      {R"(,"InputPath":"$.resources[1]")", R"("arn:b")"},
      {R"(,"InputPath":"$.detail.deep['a b']")", "true"},
      {R"(,"InputPath":"$.nothing.there")", "null"},
      {R"(,"InputTransformer":{"InputPathsMap":{"n":"$.detail.name","p":"$.detail.price"},)"
       R"("InputTemplate":"{\"name\": <n>, \"text\": \"<n> costs <p>\", \"none\": \"<q>\"}"})",
       R"({"name": "A \"B\"", "text": "A \"B\" costs 1.50", "none": "<q>"})"},
      {R"(,"InputTransformer":{"InputPathsMap":{"n":"$.detail.name","p":"$.detail.price"},)"
       R"("InputTemplate":"<n> costs\n<p> \u20ac"})",
       "\"A \\\"B\\\" costs\\n1.50 \u20ac\""},
      {R"(,"InputTransformer":{"InputPathsMap":{"t":"$.detail.tags","m":"$.detail.missing"},)"
       R"("InputTemplate":"{\"a\":<t>,\"b\":\"<t>\",\"c\":<m>,\"d\":\"<m>\"}"})",
       R"({"a":["x","y"],"b":"[\"x\",\"y\"]","c":null,"d":""})"},
      {R"(,"InputTransformer":{"InputTemplate":"\"<aws.events.rule-name> at <aws.events.event.ingestion-time>\""})",
       R"("r at 2026-01-01T00:00:01Z")"},
      {R"(,"InputTransformer":{"InputTemplate":"[<aws.events.rule-arn>,<aws.events.event>]"})",
       R"(["arn:rule",{"version":"0","source":"shop","time":"2026-01-01T00:00:00Z","resources":["arn:a","arn:b"]}])"},
      {R"(,"InputTransformer":{"InputTemplate":"<aws.events.event.json>"})", kEvent},
      {R"(,"InputTransformer":{"InputTemplate":"[\"1 < 2\", \"3 > 2\"]"})", R"(["1 < 2", "3 > 2"])"},
  };
  for (const auto& [members, input] : cases) EXPECT_EQ(input_for(members), input) << members;
}

}  // namespace
}  // namespace virga::events
