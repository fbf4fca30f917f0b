#include "virga/services/queue/internal/receive_attempts.h"

#include <gtest/gtest.h>

namespace virga::services::queue::internal {
namespace {

using std::chrono::minutes;

constexpr SteadyTime kBegin{std::chrono::hours(1)};

TEST(ReceiveAttempts, AreKnownForFiveMinutesFromTheFirst) {
  ReceiveAttempts attempts;
  EXPECT_EQ(attempts.find("a", kBegin), nullptr);
  attempts.put("a", {{.number = 1}}, kBegin);
  ASSERT_NE(attempts.find("a", kBegin + minutes(4)), nullptr);
  attempts.put("a", {{.number = 1, .nonce = 9}}, kBegin + minutes(4));
  EXPECT_EQ(attempts.find("a", kBegin + minutes(4))->front().nonce, 9u);
  EXPECT_EQ(attempts.find("a", kBegin + minutes(5)), nullptr);
}

TEST(ReceiveAttempts, AreForgottenWhenOthersCome) {
  ReceiveAttempts attempts;
  for (int i = 0; i < 1000; ++i) attempts.put(std::to_string(i), {}, kBegin + minutes(i));
  EXPECT_LE(attempts.size(), 5u);
}

}  // namespace
}  // namespace virga::services::queue::internal
