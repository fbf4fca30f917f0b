#include "virga/dispatch/internal/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace virga::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const SteadyTime kNow{std::chrono::hours(1)};

TEST(Admission, RefusesAtTheReservedConcurrencyAndSaysWhatRaisesIt) {
  Admission admission(100);
  auto function = admission.of(model::FunctionName("hello"));
  auto first = admission.admit(*function, 2, kNow);
  auto second = admission.admit(*function, 2, kNow);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  auto third = admission.admit(*function, 2, kNow);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_THAT(third.error().message(), AllOf(StartsWith("ReservedFunctionConcurrentInvocationLimitExceeded: "),
                                             HasSubstr("'hello'"), HasSubstr("reserved concurrency of 2;"),
                                             HasSubstr("aws lambda put-function-concurrency --function-name hello")));
}

TEST(Admission, AReservedConcurrencyOfZeroRefusesEveryCall) {
  Admission admission(100);
  auto function = admission.of(model::FunctionName("paused"));
  EXPECT_FALSE(admission.admit(*function, 0, kNow));
  EXPECT_EQ(admission.running(), 0u);
}

TEST(Admission, RefusesAtTheAccountsConcurrencyWhateverTheFunction) {
  Admission admission(3);
  auto one = admission.of(model::FunctionName("one"));
  auto other = admission.of(model::FunctionName("other"));
  std::vector<Admission::Place> places;
  for (int i = 0; i < 3; ++i) places.push_back(*admission.admit(*one, std::nullopt, kNow));
  auto refused = admission.admit(*other, std::nullopt, kNow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), AllOf(StartsWith("ConcurrentInvocationLimitExceeded: 3 invocations"),
                                               HasSubstr("virga serve --concurrency N")));
  places.pop_back();
  EXPECT_TRUE(admission.admit(*other, std::nullopt, kNow));
}

TEST(Admission, APlaceIsGivenBackWhenItsHolderEnds) {
  Admission admission(1);
  auto function = admission.of(model::FunctionName("hello"));
  {
    auto place = admission.admit(*function, std::nullopt, kNow);
    ASSERT_TRUE(place);
    auto moved = std::move(*place);
    EXPECT_EQ(admission.running(), 1u);
    EXPECT_EQ(function->running, 1u);
  }
  EXPECT_EQ(admission.running(), 0u);
  EXPECT_EQ(function->running, 0u);
}

TEST(Admission, CountsAllVersionsOfAFunctionTogether) {
  Admission admission(10);
  EXPECT_EQ(admission.of(model::FunctionName("hello")), admission.of(model::FunctionName("hello")));
}

TEST(Admission, ForgetsFunctionsThatNobodyHolds) {
  Admission admission(10);
  auto held = admission.of(model::FunctionName("held"));
  std::weak_ptr<Admission::OfFunction> dropped = admission.of(model::FunctionName("dropped"));
  auto running = admission.of(model::FunctionName("running"));
  auto place = admission.admit(*running, std::nullopt, kNow);
  std::weak_ptr<Admission::OfFunction> runs = running;
  running.reset();
  admission.sweep(kNow + std::chrono::minutes(2));
  EXPECT_TRUE(dropped.expired());
  EXPECT_FALSE(runs.expired());
  EXPECT_EQ(admission.of(model::FunctionName("held")), held);
}

TEST(Admission, AFunctionAloneHasTheWholeLimit) {
  Admission admission(10);
  auto function = admission.of(model::FunctionName("alone"));
  std::vector<Admission::Place> places;
  for (int i = 0; i < 10; ++i) {
    auto place = admission.admit(*function, std::nullopt, kNow);
    ASSERT_TRUE(place) << i;
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(admission.admit(*function, std::nullopt, kNow));
}

TEST(Admission, WhenRoomIsShortAFunctionAboveItsShareIsRefusedAndTheOthersAreNot) {
  Admission admission(20);
  auto greedy = admission.of(model::FunctionName("greedy"));
  auto modest = admission.of(model::FunctionName("modest"));
  std::vector<Admission::Place> places;
  places.push_back(*admission.admit(*modest, std::nullopt, kNow));
  for (int i = 0; i < 17; ++i) places.push_back(*admission.admit(*greedy, std::nullopt, kNow));
  auto refused = admission.admit(*greedy, std::nullopt, kNow);
  ASSERT_FALSE(refused) << "2 of 20 are free, and 10 are its share";
  EXPECT_THAT(refused.error().message(),
              AllOf(StartsWith("ConcurrentInvocationLimitExceeded: 'greedy' runs 17 "), HasSubstr("its share is 10"),
                    HasSubstr("20 among the 2 functions"), HasSubstr("virga serve --concurrency N"),
                    HasSubstr("try again in 1 s")));
  EXPECT_TRUE(admission.admit(*modest, std::nullopt, kNow));
}

TEST(Admission, AFunctionCountsAsActiveForAMinuteOrWhileItRuns) {
  Admission admission(10);
  auto one = admission.of(model::FunctionName("one"));
  auto other = admission.of(model::FunctionName("other"));
  {
    auto place = admission.admit(*one, std::nullopt, kNow);
  }
  auto runs = admission.admit(*other, std::nullopt, kNow);
  EXPECT_EQ(admission.active(kNow + std::chrono::seconds(59)), 2u);
  EXPECT_EQ(admission.active(kNow + std::chrono::seconds(61)), 1u);
  EXPECT_EQ(admission.active(kNow + std::chrono::hours(1)), 1u);
}

TEST(Admission, AReservedConcurrencyIsAShareOfItsOwn) {
  Admission admission(20);
  auto reserved = admission.of(model::FunctionName("reserved"));
  auto other = admission.of(model::FunctionName("other"));
  std::vector<Admission::Place> places;
  places.push_back(*admission.admit(*other, std::nullopt, kNow));
  for (int i = 0; i < 19; ++i) {
    auto place = admission.admit(*reserved, 19, kNow);
    ASSERT_TRUE(place) << i;
    places.push_back(std::move(*place));
  }
}

TEST(Admission, SaysHowLongToWaitFromHowLongCallsRun) {
  Admission admission(10);
  auto function = admission.of(model::FunctionName("slow"));
  function->run_time.add(std::chrono::seconds(9));
  auto first = admission.admit(*function, 2, kNow);
  auto second = admission.admit(*function, 2, kNow);
  auto refused = admission.admit(*function, 2, kNow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("; try again in 5 s"));
}

}  // namespace
}  // namespace virga::dispatch
