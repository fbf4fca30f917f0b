#include "virga/dispatch/internal/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/dispatch/refusals.h"

namespace virga::dispatch {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

catalog::FunctionPointer function_with(std::map<std::string, std::string> tags,
                                       std::optional<std::uint32_t> reserved = std::nullopt) {
  auto entry = std::make_shared<catalog::FunctionEntry>();
  entry->function.name = model::FunctionName("hello");
  entry->function.tags = std::move(tags);
  entry->function.reserved_concurrency = reserved;
  return entry;
}

const SteadyTime kNow{std::chrono::hours(1)};

TEST(Guard, LimitsNothingUnlessToldTo) {
  Guard guard;
  guard.follow(function_with({{"team", "green"}}));
  EXPECT_FALSE(guard.has_any());
}

TEST(Guard, RefusesAboveTheRateWithWhatToDo) {
  Guard guard;
  guard.follow(function_with({{"virga:rate", "0.5"}}));
  EXPECT_TRUE(guard.check_rates("", kNow));
  auto refused = guard.check_rates("", kNow);
  ASSERT_FALSE(refused);
  auto parts = read_refusal(refused.error());
  EXPECT_EQ(parts.reason, kFunctionRate);
  EXPECT_EQ(parts.retry_after, std::chrono::seconds(2));
  EXPECT_THAT(std::string(parts.text), AllOf(HasSubstr("'hello' takes 0.5 calls a second"), HasSubstr("virga:rate"),
                                             HasSubstr("aws lambda tag-resource")));
}

TEST(Guard, NamesTheReservedRateWhereConcurrencyIsReserved) {
  Guard guard;
  guard.follow(function_with({{"virga:rate", "1"}}, 10));
  EXPECT_TRUE(guard.check_rates("", kNow));
  auto refused = guard.check_rates("", kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(read_refusal(refused.error()).reason, kReservedFunctionRate);
}

TEST(Guard, HoldsEachCallerToARateOfItsOwn) {
  Guard guard;
  guard.follow(function_with({{"virga:caller-rate", "1"}}));
  EXPECT_TRUE(guard.check_rates("ada", kNow));
  EXPECT_TRUE(guard.check_rates("bob", kNow));
  auto refused = guard.check_rates("ada", kNow + milliseconds(500));
  ASSERT_FALSE(refused);
  EXPECT_EQ(read_refusal(refused.error()).reason, kCallerRate);
  EXPECT_TRUE(guard.check_rates("ada", kNow + milliseconds(1000)));
}

TEST(Guard, TellsNoMoreCallersApartThanABound) {
  Guard guard;
  guard.follow(function_with({{"virga:caller-rate", "0.001"}}));
  for (std::size_t i = 0; i < Guard::kMaxCallers + 100; ++i) {
    EXPECT_TRUE(guard.check_rates("caller-" + std::to_string(i), kNow)) << i;
  }
}

TEST(Guard, FollowsItsFunctionsSettings) {
  Guard guard;
  guard.follow(function_with({{"virga:rate", "1"}}));
  EXPECT_TRUE(guard.check_rates("", kNow));
  EXPECT_FALSE(guard.check_rates("", kNow));
  guard.follow(function_with({{"virga:rate", "1000"}, {"virga:burst", "1"}}));
  EXPECT_TRUE(guard.check_rates("", kNow + milliseconds(1000)));
  guard.follow(function_with({{"virga:rate", "many"}}));
  EXPECT_FALSE(guard.has_any()) << "what is not valid limits nothing";
}

}  // namespace
}  // namespace virga::dispatch
