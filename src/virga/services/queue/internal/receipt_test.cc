#include "virga/services/queue/internal/receipt.h"

#include <gmock/gmock.h>

#include "virga/services/queue/internal/keys.h"

namespace virga::services::queue::internal {
namespace {

TEST(Receipt, IsReadAsItWasMadeAndNotOtherwise) {
  Receipt receipt{1, 0xFFEEDDCCBBAA9988, 42};
  auto text = receipt.encode();
  EXPECT_EQ(text.size(), 44u);
  EXPECT_EQ(Receipt::decode(text), receipt);
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto wrong = text;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(Receipt::decode(wrong)) << i;
  }
  for (const auto* other : {"", "receipt", "AAAA"}) EXPECT_FALSE(Receipt::decode(other)) << other;
  EXPECT_FALSE(Receipt::decode(text + "AAAA"));
}

TEST(Keys, LieInTheOrderOfTheirNumbers) {
  EXPECT_LT(key_of(kStates, 1, 255), key_of(kStates, 1, 256));
  EXPECT_LT(key_of(kStates, 1, ~0ull), key_of(kStates, 2, 0));
  EXPECT_EQ(number_in(key_of(kStates, 1, 77)), 77u);
  EXPECT_FALSE(number_in("short"));
  EXPECT_EQ(end_of("ab"), "ac");
  EXPECT_EQ(end_of("a\xff"), "b");
  EXPECT_LT(key_of(kStates, 1, ~0ull), end_of(prefix_of(kStates, 1)));
}

TEST(MessageState, IsReadAsItWasWritten) {
  MessageState state;
  state.visible = WallTime(std::chrono::milliseconds(5));
  state.nonce = 7;
  state.receives = 3;
  state.group = "g";
  auto bytes = state.encode();
  auto read = MessageState::decode(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), bytes);
  EXPECT_FALSE(MessageState::decode(bytes.substr(1)));
  EXPECT_FALSE(MessageState::decode(""));
}

}  // namespace
}  // namespace virga::services::queue::internal
