#include "virga/base/problems.h"

#include <gtest/gtest.h>

namespace virga {
namespace {

TEST(Problems, TheNumberStandsAtTheEndOfTheMessage) {
  Error error = problem_error(problem::kPortInUse, "port 4600 is taken");
  EXPECT_EQ(error.message(), "port 4600 is taken [VIRGA0001]");
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
}

TEST(Problems, ContextGoesBeforeTheMessageAndLeavesTheNumberInPlace) {
  Error error = problem_error(problem::kDiskFull, "no room").with_context("deploy hello");
  EXPECT_EQ(error.message(), "deploy hello: no room [VIRGA0009]");
  EXPECT_TRUE(is_numbered(error.message()));
}

TEST(Problems, TheFirstCauseKeepsItsNumber) {
  Result<> inner = fail(problem::kArchiveBomb, "zip: too much");
  Result<> outer = fail(problem::kDeployFailed, "hello could not be deployed: " + inner.error().message());
  EXPECT_EQ(outer.error().message(), "hello could not be deployed: zip: too much [VIRGA0026]");
  EXPECT_EQ(outer.error().code(), ErrorCode::Conflict);
}

TEST(Problems, OtherBracketsAreNoNumber) {
  EXPECT_FALSE(is_numbered("listen on [::1]:4600"));
  EXPECT_FALSE(is_numbered("[VIRGA1]"));
  EXPECT_FALSE(is_numbered(""));
}

}  // namespace
}  // namespace virga
