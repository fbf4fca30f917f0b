#include "virga/events/rules.h"

#include <gtest/gtest.h>

namespace virga::events {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

catalog::FunctionEntry function() {
  catalog::FunctionEntry entry;
  entry.latest = std::make_shared<model::Version>();
  return entry;
}

TEST(AsyncRules, AreLambdasUnlessSet) {
  auto rules = rules_of(function(), "");
  EXPECT_EQ(rules.retries, 2u);
  EXPECT_EQ(rules.max_age, std::chrono::hours(6));
  EXPECT_EQ(rules.delay_after(1), minutes(1));
  EXPECT_EQ(rules.delay_after(2), minutes(2));
  EXPECT_EQ(rules.on_failure + rules.on_success + rules.dead_letters, "");
}

TEST(AsyncRules, BelongToOneQualifier) {
  auto entry = function();
  InvokeConfig config;
  config.retries = 0;
  config.max_age = seconds(60);
  config.on_success = "arn:s";
  config.on_failure = "arn:f";
  entry.attachments[{std::string(kInvokeConfigKind), "$LATEST"}] = config.encode();
  config.retries = 1;
  entry.attachments[{std::string(kInvokeConfigKind), "live"}] = config.encode();
  EXPECT_EQ(rules_of(entry, "").retries, 0u);
  EXPECT_EQ(rules_of(entry, "$LATEST").on_failure, "arn:f");
  EXPECT_EQ(rules_of(entry, "$LATEST").max_age, seconds(60));
  EXPECT_EQ(rules_of(entry, "live").retries, 1u);
  EXPECT_EQ(rules_of(entry, "7").retries, 2u);
}

TEST(AsyncRules, TakeDelaysAndDeadLettersFromTheFunction) {
  auto entry = function();
  entry.function.tags[std::string(kRetryDelaysTag)] = "5,70";
  auto version = std::make_shared<model::Version>();
  version->config.opaque["DeadLetterConfig"] = R"({"TargetArn":"arn:aws:sqs:us-east-1:000000000000:dead"})";
  entry.latest = version;
  auto rules = rules_of(entry, "");
  EXPECT_EQ(rules.delay_after(1), milliseconds(5));
  EXPECT_EQ(rules.delay_after(2), milliseconds(70));
  EXPECT_EQ(rules.dead_letters, "arn:aws:sqs:us-east-1:000000000000:dead");
}

TEST(RetryDelays, AreOneOrTwoNumbersUpToSixHours) {
  for (const auto* wrong : {"", "x", "-1", "1,", ",1", "1,2,3", "21600001", "1.5"}) {
    EXPECT_FALSE(parse_retry_delays(wrong)) << wrong;
  }
  EXPECT_EQ(parse_retry_delays("0"), (std::array{milliseconds(0), milliseconds(0)}));
  EXPECT_EQ(parse_retry_delays("10,21600000"), (std::array{milliseconds(10), milliseconds(21600000)}));
}

TEST(InvokeConfigText, ComesBackAsItWas) {
  InvokeConfig config{1, seconds(61), "a", "\"b", WallTime(milliseconds(1'700'000'000'001))};
  EXPECT_EQ(InvokeConfig::decode(config.encode()), config);
  EXPECT_EQ(InvokeConfig::decode(InvokeConfig().encode()), InvokeConfig());
  EXPECT_EQ(InvokeConfig::decode("{"), InvokeConfig());
}

}  // namespace
}  // namespace virga::events
