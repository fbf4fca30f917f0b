#include "virga/dispatch/internal/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace virga::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Admission, RefusesAtTheReservedConcurrencyAndSaysWhatRaisesIt) {
  Admission admission(100);
  auto function = admission.of(model::FunctionName("hello"));
  auto first = admission.admit(*function, 2);
  auto second = admission.admit(*function, 2);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  auto third = admission.admit(*function, 2);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_THAT(third.error().message(), AllOf(StartsWith("ReservedFunctionConcurrentInvocationLimitExceeded: "),
                                             HasSubstr("'hello'"), HasSubstr("reserved concurrency of 2;"),
                                             HasSubstr("aws lambda put-function-concurrency --function-name hello")));
}

TEST(Admission, AReservedConcurrencyOfZeroRefusesEveryCall) {
  Admission admission(100);
  auto function = admission.of(model::FunctionName("paused"));
  EXPECT_FALSE(admission.admit(*function, 0));
  EXPECT_EQ(admission.running(), 0u);
}

TEST(Admission, RefusesAtTheAccountsConcurrencyWhateverTheFunction) {
  Admission admission(3);
  auto one = admission.of(model::FunctionName("one"));
  auto other = admission.of(model::FunctionName("other"));
  std::vector<Admission::Place> places;
  for (int i = 0; i < 3; ++i) places.push_back(*admission.admit(*one, std::nullopt));
  auto refused = admission.admit(*other, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), AllOf(StartsWith("ConcurrentInvocationLimitExceeded: 3 invocations"),
                                               HasSubstr("virga serve --concurrency N")));
  places.pop_back();
  EXPECT_TRUE(admission.admit(*other, std::nullopt));
}

TEST(Admission, APlaceIsGivenBackWhenItsHolderEnds) {
  Admission admission(1);
  auto function = admission.of(model::FunctionName("hello"));
  {
    auto place = admission.admit(*function, std::nullopt);
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
  auto place = admission.admit(*running, std::nullopt);
  std::weak_ptr<Admission::OfFunction> runs = running;
  running.reset();
  admission.sweep();
  EXPECT_TRUE(dropped.expired());
  EXPECT_FALSE(runs.expired());
  EXPECT_EQ(admission.of(model::FunctionName("held")), held);
}

}  // namespace
}  // namespace virga::dispatch
