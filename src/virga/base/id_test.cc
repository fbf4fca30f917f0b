#include "virga/base/id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace virga {
namespace {

TEST(Uuid, HasTheFormOfVersion4) {
  EXPECT_THAT(make_uuid(),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

TEST(Uuid, IsNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) EXPECT_TRUE(seen.insert(make_uuid()).second);
}

TEST(Token, HasTheLengthAsked) {
  EXPECT_THAT(make_token(32), testing::MatchesRegex("[a-z0-9]{32}"));
}

}  // namespace
}  // namespace virga
