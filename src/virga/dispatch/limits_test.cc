#include "virga/dispatch/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/dispatch/refusals.h"

namespace virga::dispatch {
namespace {

using ::testing::HasSubstr;

TEST(FunctionLimits, RefusesWhatIsNoLimitAndSaysWhatIs) {
  struct Case {
    std::string tag, value, says;
  };
  for (const auto& [tag, value, says] :
       {Case{"virga:rate", "fast", "a number of calls a second"}, Case{"virga:rate", "0", "a number of calls a second"},
        Case{"virga:rate", "-1", "a number of calls a second"}, Case{"virga:rate", "inf", "a number of calls a second"},
        Case{"virga:burst", "0.5", "a number from 1"}, Case{"virga:caller-rate", "", "a number of calls a second"},
        Case{"virga:breaker", "0.5", "a percentage"}, Case{"virga:breaker", "0%", "a percentage"},
        Case{"virga:breaker", "101%", "a percentage"}, Case{"virga:fallback", "", "the name of a function"},
        Case{"virga:fallback", "two words", "the name of a function"}, Case{"virga:speed", "1", "is not known"},
        Case{"virga:templates", "no", "on or off"}}) {
    auto limits = read_limits({{tag, value}});
    ASSERT_FALSE(limits) << tag << "=" << value;
    EXPECT_EQ(limits.error().code(), ErrorCode::InvalidArgument);
    EXPECT_THAT(limits.error().message(), HasSubstr(says));
    EXPECT_THAT(limits.error().message(), HasSubstr(tag));
  }
}

TEST(FunctionLimits, ReadsItsTagsAndNoOthers) {
  auto limits = read_limits({{"rate", "x"},
                             {"virga:rate", "20"},
                             {"virga:burst", "3"},
                             {"virga:caller-rate", "0.5"},
                             {"virga:breaker", "50%"},
                             {"virga:fallback", "spare:live"}});
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->rate, 20);
  EXPECT_EQ(limits->burst, 3);
  EXPECT_EQ(limits->caller_rate, 0.5);
  EXPECT_EQ(limits->breaker, 0.5);
  EXPECT_EQ(limits->fallback_function, "spare:live");
  EXPECT_TRUE(limits->has_any());
}

TEST(FunctionLimits, ABurstIsASecondsWorthUnlessToldOtherwise) {
  EXPECT_EQ(read_limits({{"virga:rate", "20"}})->burst, 20);
  EXPECT_EQ(read_limits({{"virga:rate", "0.2"}})->burst, 1);
}

TEST(FunctionLimits, AFallbackIsAFunctionOrJson) {
  EXPECT_EQ(read_limits({{"virga:fallback", R"({"statusCode":503})"}})->fallback_answer, R"({"statusCode":503})");
  EXPECT_EQ(read_limits({{"virga:fallback", "spare"}})->fallback_function, "spare");
}

TEST(FunctionLimits, TemplatesAreAllowedUnlessTheyAreOff) {
  EXPECT_EQ(read_limits({})->templates, Templates::Allowed);
  EXPECT_EQ(read_limits({{"virga:templates", "on"}})->templates, Templates::Allowed);
  EXPECT_EQ(read_limits({{"virga:templates", "off"}})->templates, Templates::Off);
  EXPECT_FALSE(read_limits({{"virga:templates", "off"}})->has_any());
}

TEST(Refusals, AreTakenApartAgain) {
  auto error = refusal(ErrorCode::ResourceExhausted, kCallerRate, "a: b; do c", std::chrono::milliseconds(2100));
  EXPECT_EQ(error.message(), "CallerRateLimitExceeded: a: b; do c; try again in 3 s");
  auto parts = read_refusal(error);
  EXPECT_EQ(parts.reason, kCallerRate);
  EXPECT_EQ(parts.text, "a: b; do c; try again in 3 s");
  EXPECT_EQ(parts.retry_after, std::chrono::seconds(3));
  EXPECT_EQ(read_refusal(refusal(ErrorCode::Unavailable, kBreakerOpen, "x", {})).retry_after, std::chrono::seconds(1));
}

TEST(Refusals, OtherErrorsHaveNoReason) {
  Error error(ErrorCode::Unavailable, "Node: not found");
  EXPECT_EQ(read_refusal(error).reason, "");
  EXPECT_EQ(read_refusal(error).text, "Node: not found");
}

}  // namespace
}  // namespace virga::dispatch
